"""Listening tests: sample sets, a page for listeners, answers turned into a figure."""

"""The pipeline and its output."""

"""Tables of the papers of systems that generate audio, at small scale."""

"""The package's version, and its name as files that it writes bear it."""

__version__ = "0.1.0"
SOFTWARE = "audiosr-pipeline"

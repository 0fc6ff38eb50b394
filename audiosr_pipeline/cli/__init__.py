"""`audiosr-pipeline`: each command parses, calls the public API and writes files.

Exit codes: 0 all done, 1 some inputs failed and the others are done, or what was to be printed is lost; 2 bad usage;
130 interrupted, by Ctrl-C, SIGTERM or SIGHUP.
"""

from collections.abc import Sequence

from audiosr_pipeline.cli.signals import importing


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code (see above)."""
    with importing():
        from audiosr_pipeline.cli import program

    return program.main(argv)

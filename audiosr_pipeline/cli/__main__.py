"""`python -m audiosr_pipeline.cli`: the program, for launchers that want a module."""

import sys

from audiosr_pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main())

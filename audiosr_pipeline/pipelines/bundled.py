"""Where the models that ship with the package are; it imports nothing that takes long."""

from pathlib import Path

WEIGHTS = Path(__file__).parents[1] / "weights"

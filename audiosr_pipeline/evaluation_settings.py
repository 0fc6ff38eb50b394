"""What an evaluation accepts by default, and the files that it writes."""

# `ssr_eval` lets lengths differ by fewer samples at 48 kHz than this.
LENGTH_TOLERANCE = 100
TABLES = ("scores.csv", "summary.csv", "differences.csv", "skipped.csv")
FIGURES = ("scores.png", "pairs.png")
# Of `evaluate --sets`.
SETS_TABLE = "sets.csv"
SET_EMBEDDINGS = ("mel", "classifier")

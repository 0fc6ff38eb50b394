"""What the table is measured on: the recordings of the paper's section 4, and the demo pages' own files."""

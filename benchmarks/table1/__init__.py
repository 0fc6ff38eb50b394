"""The paper's Table 1: every system on every data set, what is printed of it, and the figures."""

"""The systems beside AudioSR in the paper's Table 1, and how they are trained. All have the pipeline's call."""

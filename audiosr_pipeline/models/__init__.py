"""What the pipeline is made of and diffusers lacks: the mel feature extractor and the vocoder."""

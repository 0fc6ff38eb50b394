"""What the pipeline is made of and diffusers lacks: the mel feature extractor, the vocoder, the predictor of levels."""

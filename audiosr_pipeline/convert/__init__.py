"""The official AudioSR checkpoint as components of diffusers and transformers."""

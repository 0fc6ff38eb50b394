"""The training of the models, on the signal functions and components of inference."""

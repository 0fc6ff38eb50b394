"""From what other audio generators return to a waveform and its sampling rate."""

"""Pure signal functions: resampling, filters, cutoff and bandwidth, low-band replacement, windows."""

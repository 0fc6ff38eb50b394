"""What some arguments of a call may be, for those who only ask: it imports nothing."""

# "skip" leaves full-band clips alone, "run" treats them like others, "error" raises.
ON_FULL_BAND = ("skip", "run", "error")

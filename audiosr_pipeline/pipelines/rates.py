"""Sampling rates: which are possible, and that two of one thing agree."""

from numbers import Real
from typing import Any

LOWEST_RATE, HIGHEST_RATE = 4_000, 384_000
# A clip of a second has as many samples as its rate; where a number is none of these, it may be a length.
USUAL_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000)
# What libraries call it. `frame_rate` is that of a video beside its sound.
RATE_NAMES = (
    "sampling_rate",
    "sample_rate",
    "samplerate",
    "sr",
    "fs",
    "output_sample_rate",
    "audio_sample_rate",
)


def is_rate(name: str, value: Any) -> bool:
    """Whether what is kept under a name is a sampling rate; of `rate`, which may be a speed, the number must fit."""
    number = plain_number(value)
    is_number = isinstance(number, Real)
    return name in RATE_NAMES or (name == "rate" and is_number and LOWEST_RATE <= number <= HIGHEST_RATE)


def agreed_rate(own_rate: Any, sampling_rate: Any, name: str) -> Any:
    """The rate that the audio came with, which the one that was passed must equal, or the one of them that there is."""
    if sampling_rate is None or own_rate is None:
        return sampling_rate if own_rate is None else own_rate
    own_rate, sampling_rate = check_rate(own_rate, name), check_rate(sampling_rate, name)
    if sampling_rate != own_rate:
        raise ValueError(f"{name} has a rate of its own, {own_rate} Hz, but sampling_rate={sampling_rate} was passed.")
    return own_rate


def check_rate(sampling_rate: Any, name: str) -> int:
    """The sampling rate as an int; raises ValueError if it is missing or impossible."""
    if sampling_rate is None:
        raise ValueError(f"{name} is an array, whose rate can't be known: pass sampling_rate= in Hz.")
    sampling_rate = plain_number(sampling_rate)
    is_number = isinstance(sampling_rate, Real) and not isinstance(sampling_rate, bool)
    # Compared as they are: an int may be beyond what a float holds.
    if not is_number or not LOWEST_RATE <= sampling_rate <= HIGHEST_RATE or sampling_rate != int(sampling_rate):
        raise ValueError(
            f"sampling_rate={in_short(sampling_rate)} for {name}; accepted are whole rates from {LOWEST_RATE} to "
            f"{HIGHEST_RATE} Hz."
        )
    return int(sampling_rate)


def plain_number(value: Any) -> Any:
    """The number in an array or a tensor of one, as checkpoints and collated batches keep rates; all else as it is."""
    is_one = tuple(getattr(value, "shape", (0,))) in ((), (1,)) and hasattr(value, "item")
    return value.item() if is_one and not getattr(value, "is_meta", False) else value


def in_short(value: Any) -> str:
    """A value as errors show it, whatever its length."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 64:
        return f"an integer of {value.bit_length()} bits"
    # "16000" is not 16000, and an error has to show why.
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."

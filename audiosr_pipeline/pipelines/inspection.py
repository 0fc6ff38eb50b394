"""What is decided about a clip before anything is generated."""

from dataclasses import dataclass

import numpy as np

from audiosr_pipeline.dsp.cutoff import BandEdge, find_band_edge
from audiosr_pipeline.dsp.dither import is_dither
from audiosr_pipeline.dsp.lossy import hole_share
from audiosr_pipeline.dsp.silence import SILENCE_LEVEL
from audiosr_pipeline.pipelines.inputs import Clip

LOWEST_CUTOFF, HIGHEST_CUTOFF = 2_000.0, 16_000.0
FULL_BAND_HZ = 20_000.0
HOLE_SHARE = 0.02
REMEDY = "if the content ends elsewhere, pass cutoff_freq (--cutoff-freq)"
# Opus and LC3 code nothing above, and at low bit rates fill what they have no bits for with noise.
NOISE_FILLERS_HZ = (19_900.0, 20_150.0)
ON_FULL_BAND = ("skip", "run", "error")


@dataclass(frozen=True)
class Inspection:
    """`cutoff_freq` and `bandwidth` in Hz, and what they lead to (fields of `AudioSRReport`)."""

    cutoff_freq: float
    bandwidth: float
    action: str
    reason: str
    notes: tuple[str, ...]


def inspect_clip(
    clip: Clip, audio: np.ndarray, cutoff_freq: float | None = None, on_full_band: str = "skip"
) -> Inspection:
    """Finds a clip's two frequencies and decides what to do with it.

    Args:
        clip: The clip as it came.
        audio: The clip at 48 kHz, `(channels, num_samples)`.
        cutoff_freq: The user's cutoff in Hz: taken as the band edge too, what lies above it is replaced.
        on_full_band: "skip" leaves full-band clips alone, "run" treats them like others, "error" raises.

    Raises:
        ValueError: If the clip is full band and `on_full_band` is "error".
    """
    # Asked of the clip as it came: resampling makes a constant ring at its ends.
    if np.ptp(clip.audio, axis=-1).max() < SILENCE_LEVEL:
        return Inspection(0.0, 0.0, "silent", "no sample differs from the others", ())
    # A single sample at 48 kHz, or sound that lies above what that rate holds.
    if np.ptp(audio, axis=-1).max() < SILENCE_LEVEL:
        return Inspection(0.0, 0.0, "silent", "at 48 kHz no sample differs from the others", ())
    if cutoff_freq is None and is_dither(clip.audio):
        return Inspection(0.0, 0.0, "silent", "nothing but the dither of silence", ())
    if cutoff_freq is not None:
        outside = f"cutoff_freq {cutoff_freq:.0f} Hz is outside 2-16 kHz, for which models are made"
        notes = [] if LOWEST_CUTOFF <= cutoff_freq <= HIGHEST_CUTOFF else [outside]
        return Inspection(float(cutoff_freq), float(cutoff_freq), "enhanced", "cutoff_freq was given", tuple(notes))
    nyquist = min(clip.sampling_rate, 48_000) / 2
    # A clip of a few milliseconds has a spectrum too coarse to end where its rate does.
    found = find_band_edge(audio)
    band_edge = min(found.frequency, nyquist)
    # Not the paper's roll-off (`find_cutoff`): in dark clips it lies octaves lower, and the model would make anew what
    # the input has up to its band edge, arriving there at another level. In training too, the band ends at the cutoff.
    # For the same reason an edge above the 16 kHz of training is taken as it is.
    cutoff_freq = min(max(band_edge, LOWEST_CUTOFF), FULL_BAND_HZ)
    notes = _notes_on_edge(found, band_edge, nyquist)
    holes = hole_share(audio, band_edge)
    if holes > HOLE_SHARE:
        notes.append(f"lossy coding: {100 * holes:.0f} % of the upper octave is holes, which are left as they are")
    bandwidth = max(band_edge, cutoff_freq)
    if bandwidth >= FULL_BAND_HZ and on_full_band != "run":
        reason = f"full band: content up to {bandwidth:.0f} Hz"
        if on_full_band == "error":
            raise ValueError(
                f'the clip is {reason}; on_full_band="skip" leaves it alone, "run" treats it all the same.'
            )
        return Inspection(cutoff_freq, bandwidth, "left_alone", reason, tuple(notes))
    if not LOWEST_CUTOFF <= band_edge <= HIGHEST_CUTOFF:
        notes.append(f"band edge {band_edge:.0f} Hz is outside 2-16 kHz: the cutoff is {cutoff_freq:.0f} Hz")
    return Inspection(cutoff_freq, bandwidth, "enhanced", f"content up to {bandwidth:.0f} Hz", tuple(notes))


def _notes_on_edge(found: BandEdge, band_edge: float, nyquist: float) -> list[str]:
    """Why the band edge lies where it does, and what about that is a guess."""
    if found.old_rate is not None:
        return [
            f"above {found.old_rate / 2:.0f} Hz are images of {found.old_rate:.0f} Hz audio, as repeated or linearly "
            f"interpolated samples leave them; {REMEDY}"
        ]
    notes = []
    if band_edge < 0.9 * nyquist:
        notes.append(
            f"content ends at {band_edge:.0f} Hz, below the {nyquist:.0f} Hz of its rate; whether a lossy coder made "
            f"up the top of it can't be told: {REMEDY}"
        )
    if found.folding is not None:
        where = (
            "which is taken as the band edge"
            if found.folding == band_edge
            else "which is kept, as loud moments may be coded"
        )
        notes.append(f"Opus has folded what lies from {found.folding:.0f} Hz on, {where}; {REMEDY}")
    elif NOISE_FILLERS_HZ[0] < band_edge < NOISE_FILLERS_HZ[1]:
        notes.append(
            f"it ends at 20 kHz as Opus and LC3 do, which at low bit rates fill from 8-16 kHz on with noise; {REMEDY}"
        )
    return notes

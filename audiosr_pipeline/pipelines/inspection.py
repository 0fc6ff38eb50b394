"""What is decided about a clip before anything is generated."""

from dataclasses import dataclass

import numpy as np

from audiosr_pipeline.dsp.cutoff import BandEdge, find_band_edge
from audiosr_pipeline.dsp.dither import is_dither
from audiosr_pipeline.dsp.lossy import hole_share
from audiosr_pipeline.dsp.rounding import rounding_step
from audiosr_pipeline.dsp.silence import SILENCE_LEVEL
from audiosr_pipeline.pipelines.inputs import Clip

LOWEST_CUTOFF, HIGHEST_CUTOFF = 2_000.0, 16_000.0
FULL_BAND_HZ = 20_000.0
HOLE_SHARE = 0.02
REMEDY = "if the content ends elsewhere, pass cutoff_freq (--cutoff-freq)"
# Opus and LC3 code nothing above these, and at low bit rates fill what they have no bits for with noise. An edge is one
# of them if it lies within an STFT bin or some of it.
NOISE_FILLERS_HZ = (8_000.0, 12_000.0, 20_000.0)
NOISE_FILLERS_BESIDE_HZ = 130.0
# A low-pass of order 6 falls by as much in a tenth of its cutoff; natural spectra don't.
WALL_DB = 8.0


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
    found = find_band_edge(audio, step=rounding_step(clip.audio))
    band_edge = min(found.frequency, nyquist)
    # Not the paper's roll-off (`find_cutoff`): in dark clips it lies octaves lower, and the model would make anew what
    # the input has up to its band edge, arriving there at another level. In training too, the band ends at the cutoff.
    # For the same reason an edge above the 16 kHz of training is taken as it is.
    cutoff_freq = min(max(band_edge, LOWEST_CUTOFF), FULL_BAND_HZ)
    notes = _notes_on_edge(found, band_edge, nyquist)
    holes = hole_share(audio, band_edge)
    if holes > HOLE_SHARE:
        notes.append(
            f"lossy coding: {100 * holes:.0f} % of the upper octave is holes, which are left as they are, and what is "
            f"above them may be noise; {REMEDY}"
        )
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
    if found.copy is not None:
        return [
            f"what lies above {band_edge:.0f} Hz is a copy of what lies {found.copy.shift:.0f} Hz lower, as HE-AAC and "
            f"Speex make it, and is replaced; {REMEDY}"
        ]
    notes = []
    limits = [limit for limit in NOISE_FILLERS_HZ if abs(band_edge - limit) < NOISE_FILLERS_BESIDE_HZ]
    if found.folding is not None:
        where = (
            "which is taken as the band edge"
            if found.folding == band_edge
            else "which is kept, as loud moments may be coded"
        )
        notes.append(f"Opus has folded what lies from {found.folding:.0f} Hz on, {where}; {REMEDY}")
    elif limits and band_edge < 0.97 * nyquist:
        notes.append(
            f"it ends at {limits[0] / 1_000:.0f} kHz as Opus and LC3 do, which at low bit rates fill the top with "
            f"noise; {REMEDY}"
        )
    elif band_edge < 0.9 * nyquist and found.wall_db > WALL_DB:
        notes.append(
            f"content ends at {band_edge:.0f} Hz in a wall of {found.wall_db:.0f} dB, below the {nyquist:.0f} Hz of "
            f"its rate: a resampler or a lossy coder cut it, and a coder may have filled the top below it; {REMEDY}"
        )
    if found.floor is not None and found.floor < band_edge:
        notes.append(
            f"from {found.floor:.0f} Hz on there is flat noise alone, which may be a recorder's or a coder's; {REMEDY}"
        )
    if found.is_gsm:
        notes.append(f"the top repeats what lies 2667 Hz lower, as GSM makes it above 2-3 kHz; {REMEDY}")
    return notes

"""A generated waveform joined with the input's own band, and what limits it so that this band stays as it was."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audiosr_pipeline.dsp.limit_level import BLOCK_S, level_excess, lower
from audiosr_pipeline.dsp.low_band import TRANSITION_HZ, join_bands, replace_low_band, split_bands
from audiosr_pipeline.dsp.silence import FADE_S, fade_ends, silence_gate
from audiosr_pipeline.pipelines.prepared_clip import PreparedClip

# -50 dB: what the low band may differ from the input.
LARGEST_ERROR = 1e-5
# Measured with another window it may be a little more: the fades are chosen for half of it.
AIMED_ERROR = LARGEST_ERROR / 2
# Above it, the new band is lowered.
TOLERATED_ERROR = LARGEST_ERROR / 1.4
LONGER_FADES_S = (0.01, 0.02, 0.04, 0.08)
# How sharply the low band is cut out to be measured.
MEASURED_TRANSITION_HZ = 10.0
# By how much a new band is lowered at most so that the low band is kept.
MOST_LOWERED_DB = 24.0
# And by how much less of the input's own is taken out above the band edge.
MOST_KEPT_DB = 6.0
MOST_EXCESS_DB = 30.0


class NotAudioError(ValueError):
    """What was generated is no audio; the message says why."""


@dataclass(frozen=True)
class Spliced:
    """A clip's result.

    Args:
        audio: The joined waveform `(channels, num_samples)`, float32.
        new_band: The new band alone, same shape.
        notes: What was limited, in words.
        low_band_error_db: Difference from the input up to 250 Hz below the band edge, relative to the input there; None
            if nothing was generated.
    """

    audio: np.ndarray
    new_band: np.ndarray
    notes: tuple[str, ...] = ()
    low_band_error_db: float | None = None


def splice(waveform: np.ndarray | None, prepared: PreparedClip, sampling_rate: int = 48_000) -> Spliced:
    """Puts a clip's own band into the waveform that was generated for it.

    Args:
        waveform: `(channels, num_samples)`; None if nothing was generated: the clip is returned resampled. Its memory
            is used for the new band.
        prepared: The clip.
        sampling_rate: Of both in Hz.

    Raises:
        NotAudioError: If the waveform holds NaN or infinite values, or is louder by more than 30 dB than natural.
    """
    audio = prepared.audio
    if waveform is None:
        return Spliced(audio.copy(), np.zeros_like(audio))
    if not all(np.isfinite(channel).all() for channel in waveform):
        raise NotAudioError("the vae and the vocoder make NaN or infinite values of the latents")
    joined, new_band = np.empty_like(audio), waveform
    # Channel by channel, the new band into the waveform's memory: a copy of ten minutes of stereo takes 230 MB.
    for channel, gate in _gates(prepared, FADE_S, sampling_rate):
        places = joined[channel], new_band[channel]
        replace_low_band(new_band[channel], audio[channel], prepared.inspection.bandwidth, gate, out=places)
    limited = limit_new_band(joined, new_band, prepared, sampling_rate)
    kept, error_db = keep_low_band(joined, new_band, prepared, sampling_rate)
    return Spliced(joined, new_band, limited + kept, error_db)


def limit_new_band(
    joined: np.ndarray, new_band: np.ndarray, prepared: PreparedClip, sampling_rate: int
) -> tuple[str, ...]:
    """Lowers the new band, in both and in place, where it is louder than natural; returns a note if it was.

    Raises:
        NotAudioError: If it is louder by more than 30 dB: what was generated then is no sound.
    """
    bandwidth = prepared.inspection.bandwidth
    excess = level_excess(new_band, joined, bandwidth, sampling_rate)
    most = float(excess.max())
    if most > MOST_EXCESS_DB:
        raise NotAudioError(
            f"what was generated is up to {most:.0f} dB louder than natural sound is beside such an input"
        )
    if most == 0:
        return ()
    joined -= new_band
    for own, gate in _gates(prepared, FADE_S, sampling_rate):
        taken = new_band[own].copy()
        lower(new_band[own], excess, sampling_rate)
        taken -= new_band[own]
        # A gain that changes leaves traces below the band, but none in silence.
        new_band[own] += gate * split_bands(taken, bandwidth)
    joined += new_band
    seconds = np.count_nonzero(excess) * BLOCK_S
    return (
        f"the new band was up to {most:.0f} dB louder than natural sound is beside such an input, for "
        f"{seconds:.2f} s, and was lowered there",
    )


def keep_low_band(
    joined: np.ndarray, new_band: np.ndarray, prepared: PreparedClip, sampling_rate: int
) -> tuple[tuple[str, ...], float]:
    """Changes both, in place, until the low band differs from the input by -50 dB or less.

    A fade leaves traces beside its band, the fewer the longer it is: where a loud band lies above a faint one, 5 ms
    are too short. In silence, fades can't be longer: there the new band is lowered, and if what the input has above
    its edge leaves such traces, some of it stays.

    Returns:
        Notes on what was changed, or that it isn't enough, and the difference in dB.
    """
    audio, bandwidth = prepared.audio, prepared.inspection.bandwidth
    error_power, own_power = _low_band_powers(joined, prepared, sampling_rate)
    power = mean_power(audio)
    for fade_s in LONGER_FADES_S:
        # Below -80 dB of the whole, what the filters leave is all that is there.
        if error_power <= AIMED_ERROR * own_power or own_power < 1e-8 * power:
            break
        fades = fade_ends(np.ones(audio.shape[-1], np.float32), sampling_rate, fade_s)
        for channel, gate in _gates(prepared, fade_s, sampling_rate):
            new_band[channel] *= fades
            join_bands(new_band[channel], audio[channel], bandwidth, gate, out=joined[channel])
        error_power, own_power = _low_band_powers(joined, prepared, sampling_rate)
    notes: tuple[str, ...] = ()
    if TOLERATED_ERROR < error_power / max(own_power, 1e-30) <= LARGEST_ERROR * 10 ** (MOST_LOWERED_DB / 10):
        lowered_db = ratio_db(error_power, AIMED_ERROR * own_power)
        joined -= new_band
        new_band *= np.float32(10 ** (-lowered_db / 20))
        joined += new_band
        error_power, own_power = _low_band_powers(joined, prepared, sampling_rate)
        notes = (f"the new band was lowered by {lowered_db:.0f} dB: its fades would reach into the low band",)
    if TOLERATED_ERROR < error_power / max(own_power, 1e-30) <= LARGEST_ERROR * 10 ** (MOST_KEPT_DB / 10):
        # Then what the input has above its edge leaves these traces, where it is taken out.
        share = np.float32((AIMED_ERROR * own_power / error_power) ** 0.5)
        joined -= audio
        joined *= share
        joined += audio
        new_band *= share
        error_power, own_power = _low_band_powers(joined, prepared, sampling_rate)
        notes += (f"only {share:.0%} of what is above the band edge was replaced: more would reach into the low band",)
    error_db = ratio_db(error_power, own_power)
    if error_power > LARGEST_ERROR * own_power:
        notes += (
            f"the low band differs from the input by {error_db:.0f} dB, more than -50: the input has "
            f"{ratio_db(own_power, power):.0f} dB of its power there",
        )
    return notes, error_db


def mean_power(audio: np.ndarray) -> float:
    """Mean square over channels and samples."""
    # Without an array of the squares.
    return float(np.mean([np.einsum("i,i->", c, c, dtype=np.float64) / len(c) for c in audio]))


def ratio_db(power: float, reference: float) -> float:
    """A power ratio in dB, not below -200."""
    return float(10 * np.log10(max(power / max(reference, 1e-30), 1e-20)))


def _gates(prepared: PreparedClip, fade_s: float, sampling_rate: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Each channel, as a slice, and the gain of its new band: 0 in digital silence, faded at the clip's ends."""
    for index in range(len(prepared.audio)):
        channel = slice(index, index + 1)
        gate = silence_gate(prepared.audio[channel], sampling_rate)
        yield channel, fade_ends(gate, sampling_rate, fade_s)


def _low_band_powers(joined: np.ndarray, prepared: PreparedClip, sampling_rate: int) -> tuple[float, float]:
    """Power of the difference from the input, and of the input, both up to 250 Hz below the band edge.

    As it is heard: before and after a clip there is silence.
    """
    edge = prepared.inspection.bandwidth - TRANSITION_HZ + MEASURED_TRANSITION_HZ
    silence = np.zeros((1, round(2 / MEASURED_TRANSITION_HZ * sampling_rate)), np.float32)

    def low_power(channel: np.ndarray) -> float:
        padded = np.concatenate([silence, channel, silence], axis=-1)
        split_bands(padded, edge, out=padded, transition_hz=MEASURED_TRANSITION_HZ)
        return mean_power(padded) * padded.shape[-1] / channel.shape[-1] / len(joined)

    channels = [slice(index, index + 1) for index in range(len(joined))]
    error_power = sum(low_power(joined[own] - prepared.audio[own]) for own in channels)
    return error_power, sum(low_power(prepared.audio[own]) for own in channels)

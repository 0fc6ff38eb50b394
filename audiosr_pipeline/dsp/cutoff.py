"""Two frequencies of a clip: where its energy ends (the roll-off) and where its content ends (the band edge)."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import fft, ndimage, signal

from audiosr_pipeline.dsp.copies import Copy, find_copy, is_gsm
from audiosr_pipeline.dsp.folding import find_folding
from audiosr_pipeline.dsp.images import find_images
from audiosr_pipeline.dsp.rounding import STEP_16_BITS, rounding_power
from audiosr_pipeline.dsp.walls import find_floor, wall_db

N_FFT = 2_048
HOP_LENGTH = 512
BLOCK_FRAMES = 2_048

ROLL_OFF = 0.99
# The band edge: content is what is within 90 dB of the spectrum's peak and over the noise of 16-bit rounding.
DYNAMIC_RANGE_DB = 90.0
ROUNDING_MARGIN_DB = 6.0
# Where a third of an octave lies lower than that noise by so much, there is none of it: brought from 96 kHz to 48, as
# much of it is left. A fall that is steeper than nature's is a wall, behind which the noise may have been filtered out.
NO_ROUNDING_DB = 3.0
# Over a quarter of an octave; a spectrum that falls by 3 dB an octave falls by more.
FLAT_DB = 0.5
THIRD_OF_AN_OCTAVE = 2 ** (1 / 3)
THIRD_WALL_DB = 12.0
# A low-pass of order 6 or more falls by over 8 dB within the next tenth of its cutoff; natural spectra don't.
CLIFF_DB = 8.0
EDGE_DB = 3.0
STEEPEST_DB = 30.0
SMOOTHING_HZ = 150.0
# What codecs, resamplers and clipping leave above a band: 20 dB and more below it, which nature takes most of an octave
# to fall, and 60 dB and more below the spectrum's peak, where the quiet highs of dark sounds may be content still.
RESIDUE_BELOW_BAND_DB = 20.0
RESIDUE_BELOW_PEAK_DB = 60.0
# Low-rate transform coders leave the side lobes of their window above a wall: a skirt that falls by 10 dB and more in
# an octave. It begins 24 dB and more below nearly all of the band that ends a tenth lower, which no spectrum without a
# wall does unless it is a tone's, and 45 dB and more below the peak.
WALL_DB = 24.0
SKIRT_BELOW_PEAK_DB = 45.0
SKIRT_FALL_DB = 6.0
LOWEST_WALL_HZ = 2_000.0
# Where folding begins lower than here, what lies above is made up at all times; from higher on, in most frames.
HIGHEST_FOLDING_HZ = 12_000.0
OPUS_EDGE_HZ, OPUS_BESIDE_HZ, OPUS_WALL_DB = 20_000.0, 500.0, 6.0
GSM_EDGES_HZ = (3_600.0, 4_050.0)
COPY_AT_HZ = 150.0
# What linear interpolation takes at the old Nyquist frequency; repetition takes half.
DROOP_DB = 7.8
# Dither with shaped noise gathers at the Nyquist frequency; below it there is then nothing, for half an octave or more.
SHAPED_NOISE_GAP_OCTAVES = 0.5


def find_cutoff(audio: np.ndarray, sampling_rate: int = 48_000) -> float:
    """Roll-off: the frequency below which 99 % of the time-summed STFT magnitude lies (paper, section 3.2).

    One value for the clip, over all its channels and its whole length; the roll-off of single frames misjudges real
    recordings, because silent and loud frames count alike. The pipeline cuts at `find_bandwidth` instead; passed to it
    as `cutoff_freq`, the roll-off gives the paper's own procedure.

    Args:
        audio: Waveforms `(channels, num_samples)`.
        sampling_rate: Their rate in Hz.

    Returns:
        The roll-off in Hz; 0 for silence.

    >>> tone = np.sin(2 * np.pi * 3_000 * np.arange(48_000) / 48_000, dtype=np.float32)
    >>> round(find_cutoff(tone[None]), -3)
    3000.0
    """
    magnitude, _ = long_term_spectrum(audio)
    total = np.cumsum(magnitude)
    if total[-1] == 0:
        return 0.0
    return float(np.searchsorted(total, ROLL_OFF * total[-1]) * sampling_rate / N_FFT)


@dataclass(frozen=True)
class BandEdge:
    """Where a clip's content ends.

    Args:
        frequency: The band edge in Hz.
        old_rate: Rate in Hz that the clip once had, if what lies above the edge is images (`find_images`).
        folding: Border in Hz from which on what lies there is folded (`find_folding`).
        copy: What lies above the edge, if that is a copy of what lies below it (`find_copy`).
        is_gsm: Whether the top of the band is what GSM makes (`copies.is_gsm`).
        floor: Where flat noise begins that reaches up to the edge, in Hz (`find_floor`).
        wall_db: By how much the level falls at the edge (`walls.wall_db`).
    """

    frequency: float
    old_rate: float | None = None
    folding: float | None = None
    copy: Copy | None = None
    is_gsm: bool = False
    floor: float | None = None
    wall_db: float = 0.0


def find_bandwidth(audio: np.ndarray, sampling_rate: int = 48_000) -> float:
    """Band edge: the highest frequency with content that isn't made up from what lies below. See `find_band_edge`."""
    return find_band_edge(audio, sampling_rate).frequency


def find_band_edge(audio: np.ndarray, sampling_rate: int = 48_000, step: float | None = STEP_16_BITS) -> BandEdge:
    """Band edge: the highest frequency with content that is neither a low-pass's skirt, nor residue, nor made up.

    A frequency has content if the long-term power there is within 90 dB of the peak and above the noise that rounding
    to 16 bit makes. It is on a skirt if it lies 8 dB or more below the band that ends a tenth of it lower. It is
    residue if, from there up, all lies 20 dB or more below that band and 60 dB or more below the peak; so is what
    reaches up to the Nyquist frequency, 60 dB or more below the peak, above half an octave without content; and so is
    what falls on behind a wall of 24 dB. The edge is where the level is still within 3 dB of the band. Nor does it lie
    above half the rate from which samples were repeated or linearly interpolated, nor above 12 kHz or less where Opus
    has folded what lies higher, nor where a copy of what lies lower begins.

    Args:
        audio: Waveforms `(channels, num_samples)`.
        sampling_rate: Their rate in Hz.
        step: Of the grid that the samples were rounded to, see `rounding_step`; nothing below that noise is content.
            If it is None, content may lie below the noise of 16 bits, as in quiet recordings of 24: where the spectrum
            shows that this noise is not there.

    Returns:
        The band edge, at most the Nyquist frequency, and what made it lower; 0 for silence.
    """
    _, power = long_term_spectrum(audio)
    if power.max() == 0:
        return BandEdge(0.0)
    edge = _spectral_edge(power, sampling_rate, step or STEP_16_BITS)
    if step is None and not _stands_at_rounding(power, edge, sampling_rate):
        fainter_edge = _spectral_edge(power, sampling_rate, step=0.0)
        # Flat noise up there may be that of rounding all the same, of a sound that is there at times alone.
        if not _is_flat(power, fainter_edge, sampling_rate):
            edge = fainter_edge
    copy = find_copy(audio, edge, sampling_rate)
    old_rate = find_images(audio, sampling_rate, edge)
    # Images repeat what lies lower, too, from somewhere on; a coder's copy begins where its own band ends.
    if copy is not None and (old_rate is None or abs(copy.start - old_rate / 2) < COPY_AT_HZ):
        return BandEdge(min(edge, copy.start), copy=copy)
    if old_rate is not None:
        return BandEdge(_edge_below_images(power, old_rate / 2, sampling_rate), old_rate=old_rate)
    folding = find_folding(audio, sampling_rate) if _ends_as_opus(power, sampling_rate) else None
    if folding is not None and folding > edge:
        # What is folded up there is residue.
        folding = None
    if folding is not None and folding <= HIGHEST_FOLDING_HZ:
        edge = folding
    bin_hz = sampling_rate / N_FFT
    return BandEdge(
        edge,
        folding=folding,
        is_gsm=GSM_EDGES_HZ[0] <= edge < GSM_EDGES_HZ[1] and is_gsm(audio, sampling_rate),
        floor=find_floor(power, edge, bin_hz),
        wall_db=wall_db(power, edge, bin_hz),
    )


def _ends_as_opus(power: np.ndarray, sampling_rate: int) -> bool:
    """Whether there is a wall at 20 kHz, above which Opus codes nothing."""
    if sampling_rate < 2 * (OPUS_EDGE_HZ + 2 * OPUS_BESIDE_HZ):
        return False
    edge, width = (round(frequency * N_FFT / sampling_rate) for frequency in (OPUS_EDGE_HZ, OPUS_BESIDE_HZ))
    below, above = power[edge - 2 * width : edge - width // 2].mean(), power[edge + width : edge + 2 * width].mean()
    return below > above * 10 ** (OPUS_WALL_DB / 10)


def _edge_below_images(power: np.ndarray, axis: float, sampling_rate: int) -> float:
    """Where the content ends of a long-term spectrum that is mirrored about `axis`, in Hz."""
    bin_hz = sampling_rate / N_FFT
    axis_bin = round(axis / bin_hz)
    level_db = 10 * np.log10(np.maximum(ndimage.uniform_filter1d(power, round(SMOOTHING_HZ / bin_hz)), 1e-30))
    expected_db = _extrapolate(level_db, axis_bin)
    start = axis_bin - len(expected_db) + 1
    shoulder = np.flatnonzero(level_db[start : axis_bin + 1] >= expected_db - CLIFF_DB - DROOP_DB)
    if len(shoulder):
        return float(start + shoulder[-1]) * bin_hz
    return _spectral_edge(np.where(np.arange(len(power)) < axis_bin, power, 0.0), sampling_rate)


def _stands_at_rounding(power: np.ndarray, edge: float, sampling_rate: int) -> bool:
    """Whether a spectrum falls no lower than the noise of 16-bit rounding above an edge in that noise, or in a wall."""
    below = round(edge * N_FFT / sampling_rate)
    least = power.max() * 10 ** (-DYNAMIC_RANGE_DB / 10)
    former = np.median(power[int(below / THIRD_OF_AN_OCTAVE) : below + 1])
    while (above := int(below * THIRD_OF_AN_OCTAVE) + 1) < len(power):
        level = np.median(power[below:above])
        if level < max(least, former * 10 ** (-THIRD_WALL_DB / 10)):
            return True
        if level < rounding_power(STEP_16_BITS, N_FFT) * 10 ** (-NO_ROUNDING_DB / 10):
            return False
        below, former = above, level
    return True


def _is_flat(power: np.ndarray, edge: float, sampling_rate: int) -> bool:
    """Whether a spectrum is that of white noise in the half octave below an edge."""
    lower, middle, upper = (round(share * edge * N_FFT / sampling_rate) for share in (2**-0.5, 2**-0.25, 0.99))
    if not lower < middle < upper:
        return False
    levels_db = 10 * np.log10([np.median(part) + 1e-30 for part in (power[lower:middle], power[middle:upper])])
    return bool(abs(levels_db[0] - levels_db[1]) < FLAT_DB)


def _spectral_edge(power: np.ndarray, sampling_rate: int, step: float = STEP_16_BITS) -> float:
    """Where the content of a long-term spectrum ends, in Hz.

    Args:
        power: The spectrum.
        sampling_rate: Rate of the clip in Hz.
        step: What is lower than the noise of rounding to it is no content.
    """
    bin_hz = sampling_rate / N_FFT
    threshold = power.max() * 10 ** (-DYNAMIC_RANGE_DB / 10)
    rounding_threshold = rounding_power(step, N_FFT) * 10 ** (ROUNDING_MARGIN_DB / 10)
    # A clip that lies below it altogether was never rounded so.
    if power.max() > rounding_threshold:
        threshold = max(threshold, rounding_threshold)
    present = power > threshold
    smoothed = ndimage.uniform_filter1d(np.where(present, power, 0.0), round(SMOOTHING_HZ / bin_hz))
    level_db = 10 * np.log10(np.maximum(smoothed, 0.01 * threshold))
    present[_find_shaped_noise(present, level_db) :] = False
    present[min(_find_residue(level_db, bin_hz), _find_side_lobes(level_db, bin_hz)) :] = False
    for edge in np.flatnonzero(present)[::-1]:
        expected_db = _extrapolate(level_db, edge)
        if level_db[edge] > expected_db[-1] - CLIFF_DB:
            start = edge - len(expected_db) + 1
            shoulder = np.flatnonzero(level_db[start : edge + 1] >= expected_db - EDGE_DB)
            return float((start + shoulder[-1] if len(shoulder) else edge) * bin_hz)
    return float(np.flatnonzero(present)[0] * bin_hz)


def _find_residue(level_db: np.ndarray, bin_hz: float) -> int:
    """The lowest bin from which on all is residue; `len(level_db)` if none is."""
    loudest_above = np.maximum.accumulate(level_db[::-1])[::-1]
    for start in np.flatnonzero(loudest_above <= loudest_above[0] - RESIDUE_BELOW_PEAK_DB):
        edge = int(start / 1.1)
        # Smoothing makes a band of a tone; half of a trend, 0.15 of the edge, must be wider.
        if 0.15 * edge * bin_hz < SMOOTHING_HZ:
            continue
        # Where the trend rises to a single partial, the level below the edge tells, and the other way round.
        band_db = min(_extrapolate(level_db, edge)[-1], np.median(level_db[int(0.9 * edge) : int(0.97 * edge) + 1]))
        if loudest_above[start] <= band_db - RESIDUE_BELOW_BAND_DB:
            return int(start)
    return len(level_db)


def _find_side_lobes(level_db: np.ndarray, bin_hz: float) -> int:
    """The lowest bin from which on all is a skirt that falls on behind a wall; `len(level_db)` if none is."""
    num_bins = len(level_db)
    loudest_above = np.maximum.accumulate(level_db[::-1])[::-1]
    for edge in range(int(LOWEST_WALL_HZ / bin_hz), int(num_bins / 1.1)):
        start = int(1.1 * edge) + 1
        if start >= num_bins or loudest_above[start] > loudest_above[0] - SKIRT_BELOW_PEAK_DB:
            continue
        # Nearly all of it: between two partials a spectrum is as low as behind the upper one.
        band_db = _lowest_tenth(level_db[int(0.85 * edge) : int(0.97 * edge) + 1])
        octave_above = loudest_above[min(2 * start, num_bins - 1)]
        if loudest_above[start] <= min(band_db - WALL_DB, loudest_above[0] - SKIRT_BELOW_PEAK_DB) and (
            octave_above <= loudest_above[start] - SKIRT_FALL_DB
        ):
            return start
    return num_bins


def _lowest_tenth(level_db: np.ndarray) -> float:
    """The level that a tenth of the bins lies below."""
    rank = len(level_db) // 10
    return np.partition(level_db, rank)[rank]


def _find_shaped_noise(present: np.ndarray, level_db: np.ndarray) -> int:
    """The bin where the noise begins that shaped dither leaves in the upper half; `len(present)` without it."""
    num_bins = len(present)
    bins = np.flatnonzero(present)
    for below, start in pairwise(bins):
        is_gap = start >= num_bins / 2 and start >= below * 2**SHAPED_NOISE_GAP_OCTAVES
        # Noise, not a tone: up to the Nyquist frequency, whose own bin may be empty.
        if is_gap and present[start:].mean() > 0.5 and present[-2]:
            return int(start) if level_db[start:].max() <= level_db.max() - RESIDUE_BELOW_PEAK_DB else num_bins
    return num_bins


def _extrapolate(level_db: np.ndarray, edge: int) -> np.ndarray:
    """The level expected in the bins from 0.9 `edge` to `edge`, from the trend over 0.6-0.9 `edge`.

    The trend is the line through the medians of the lower and the upper half, no steeper than natural spectra are.
    """
    lower = np.median(level_db[int(0.6 * edge) : int(0.75 * edge) + 1])
    upper = np.median(level_db[int(0.75 * edge) : int(0.9 * edge) + 1])
    slope = np.clip((upper - lower) / np.log2(0.825 / 0.675), -STEEPEST_DB, 0.0)
    bins = np.arange(int(0.9 * edge), edge + 1)
    return upper + slope * np.log2(np.maximum(bins, 1) / max(0.825 * edge, 1))


def long_term_spectrum(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the STFT magnitude, and mean of its power, over frames and channels, without DC: two `(num_bins,)`."""
    magnitude = np.zeros(N_FFT // 2 + 1)
    power = np.zeros(N_FFT // 2 + 1)
    window = signal.get_window("hann", N_FFT).astype(np.float32)
    # Only frames inside the clip: an abrupt first or last sample would look like content at all frequencies.
    if audio.shape[-1] < N_FFT:
        audio = np.pad(audio, ((0, 0), (0, N_FFT - audio.shape[-1])))
    num_frames = 1 + (audio.shape[-1] - N_FFT) // HOP_LENGTH
    for channel in audio:
        frames = np.lib.stride_tricks.sliding_window_view(channel, N_FFT)[::HOP_LENGTH]
        for start in range(0, num_frames, BLOCK_FRAMES):
            spectrum = np.abs(fft.rfft(frames[start : start + BLOCK_FRAMES] * window, axis=-1)).astype(np.float64)
            magnitude += spectrum.sum(0)
            power += (spectrum**2).sum(0)
    # A Hann window spreads DC over two bins.
    magnitude[:2] = power[:2] = 0.0
    return magnitude, power / (num_frames * len(audio))

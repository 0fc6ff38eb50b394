"""What stands behind the samples that a header promises: more of them, as a dead recorder leaves, or something else."""

from pathlib import Path

import numpy as np

from audiosr_pipeline.audio_io.errors import AudioFileError
from audiosr_pipeline.audio_io.sndfile import SndfileSource

# So many samples are compared on each side.
SPAN = 2**16
# From fewer nothing can be told.
FEWEST = 64
# Of what is no sound, read as samples, each is independent of the one before.
ROUGH = 0.5
LOUDEST = 16.0


def check_continuation(path: Path | str, source: SndfileSource, share: float) -> str:
    """Compares what stands beyond the length that a header says with what it promises.

    Args:
        path: Its name, for errors.
        source: All that may be samples.
        share: The part of it that the header says.

    Returns:
        A note that the file goes on.

    Raises:
        AudioFileError: If what follows that part doesn't sound like it: it may be anything.
    """
    total = source.num_samples()
    said = round(share * total)
    first = max(0, said - SPAN)
    audio = _samples(source, first, said + SPAN)
    if not _is_alike(audio[:, : said - first], audio[:, said - first :]):
        raise AudioFileError(
            path,
            f"its header says {said} samples, and behind them stands as much as {total - said} more would be, which is "
            "no chunk and doesn't sound like them. The first alone are written by: ffmpeg -i FILE OUT.wav; all by: sox "
            "--ignore-length FILE OUT.wav",
        )
    return f"its header says {said} samples, {total} were read: what follows sounds like more of them"


def _samples(source: SndfileSource, start: int, end: int) -> np.ndarray:
    blocks, found = [np.empty((source.channels, 0), np.float32)], 0
    for block in source.blocks(start):
        blocks.append(block[:, : end - start - found])
        found += blocks[-1].shape[1]
        if found >= end - start:
            break
    return np.concatenate(blocks, axis=1)


def _is_alike(before: np.ndarray, after: np.ndarray) -> bool:
    if after.shape[1] < FEWEST or not np.isfinite(after).all() or np.abs(after).max() > LOUDEST:
        return False
    roughness = _roughness(after)
    return roughness < ROUGH or roughness < 2 * _roughness(before)


def _roughness(audio: np.ndarray) -> float:
    """How much samples differ from those before: 0 for a slow wave, 1 for white noise, up to 2."""
    audio = audio.astype(np.float64)
    power = float(np.mean((audio - audio.mean(axis=1, keepdims=True)) ** 2)) if audio.size else 0.0
    return float(np.mean(np.diff(audio) ** 2)) / (2 * power) if power else 0.0

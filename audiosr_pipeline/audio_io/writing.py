"""Audio files are written whole or not at all, in a sample format that is said and never by chance."""

from pathlib import Path

import numpy as np
import soundfile

from audiosr_pipeline.audio_io.channel_order import WAV_TO_VORBIS
from audiosr_pipeline.audio_io.errors import AudioFileError, native_path, reason
from audiosr_pipeline.writing import written_whole

# Format and sample formats of what can be written, the narrowest first.
WRITABLE = {
    ".wav": ("WAV", ("PCM_16", "PCM_24", "FLOAT")),
    ".flac": ("FLAC", ("PCM_16", "PCM_24")),
    ".ogg": ("OGG", ("VORBIS",)),
}
PCM_BITS = {"PCM_16": 16, "PCM_24": 24}
# How many bits each sample of a file holds, of the formats whose samples 16 bits don't hold. float32, in which audio
# is read, holds 25 bits and more below full scale.
WIDE_SUBTYPES = {"PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64, "ALAC_24": 24}
# The size fields of a WAV file have 32 bits.
MAX_WAV_BYTES = 2**32 - 4096
BLOCK = 2**18


def check_subtype(suffix: str, subtype: str | None = None) -> str | None:
    """The sample format that a file is written in, or None if it follows the source's (`kept_subtype`).

    Args:
        suffix: End of the file's name: ".wav", ".flac" or ".ogg".
        subtype: PCM_16, PCM_24, FLOAT, VORBIS or None.

    Raises:
        ValueError: If no such format can be written, or it has no such sample format.
    """
    if suffix.lower() not in WRITABLE:
        raise ValueError(f"can't write {suffix or 'a file without a suffix'}, only {', '.join(WRITABLE)}")
    name, subtypes = WRITABLE[suffix.lower()]
    if subtype is not None and subtype not in subtypes:
        raise ValueError(f"{name} has no sample format {subtype}, only {', '.join(subtypes)}")
    return subtype


def kept_subtype(suffix: str, source_subtype: str) -> str:
    """The narrowest sample format that holds a source's samples, or where there is none the widest.

    What holds no PCM samples of its own (MP3, AAC, Opus, mu-law) and 8-bit PCM are written as PCM_16.

    Args:
        suffix: End of the name of the file to write: ".wav", ".flac" or ".ogg".
        source_subtype: Sample format of the source: see `sample_format`.
    """
    check_subtype(suffix)
    _, subtypes = WRITABLE[suffix.lower()]
    bits = WIDE_SUBTYPES.get(source_subtype, 16)
    return next((subtype for subtype in subtypes if _bits(subtype) >= bits), subtypes[-1])


def is_narrower(subtype: str, source_subtype: str) -> bool:
    """Whether a file written in PCM `subtype` holds fewer bits than its source's samples: it is to be dithered."""
    # float32 is all there is of a source of 32 or 64 bits.
    return subtype in PCM_BITS and PCM_BITS[subtype] < WIDE_SUBTYPES.get(source_subtype, 16)


def fitting_gain(audio: np.ndarray, subtype: str) -> float:
    """The gain, at most 1, with which `audio` does not clip in `subtype`. FLOAT holds every level."""
    if subtype == "FLOAT":
        return 1.0
    peak = _peak(audio)
    # The largest 16-bit sample is one step below 1. What reaches 1 and no more may lose that step.
    return 1.0 if peak <= 1 else (1 - 2**-15) / peak


def write_audio(
    path: Path | str,
    audio: np.ndarray,
    sampling_rate: int,
    subtype: str | None = None,
    dither: bool = False,
    comment: str = "",
) -> None:
    """Writes a file, whole or not at all. A WAV file that would exceed 4 GB is written as RF64.

    Args:
        path: WAV, FLAC or OGG file, by its suffix; replaced if it is there.
        audio: `(channels, num_samples)`, float, more than two channels in the order of WAV. Except in FLOAT it must
            lie in [-1, 1]: see `fitting_gain`.
        sampling_rate: Rate of `audio` in Hz.
        subtype: PCM_16, PCM_24, FLOAT or VORBIS; None is PCM_16, for OGG VORBIS.
        dither: Whether noise of triangular distribution (TPDF), two steps wide, is added before rounding to PCM; the
            same noise for every file. Samples that are exactly zero stay so, and with them digital silence.
        comment: Text that is kept in the file beside the samples: see `read_comment`.

    Raises:
        AudioFileError: If the format has no such `subtype`, `audio` would clip or holds NaN or infinity, or the file
            can't be written.
    """
    suffix = Path(path).suffix.lower()
    try:
        subtype = check_subtype(suffix, subtype) or WRITABLE[suffix][1][0]
    except ValueError as error:
        raise AudioFileError(path, str(error)) from error
    channels, num_samples = audio.shape
    # An encoder makes silence, full scale or an endless loop of them.
    if not np.isfinite(_peak(audio)):
        raise AudioFileError(path, "not written, because the audio holds NaN or infinity")
    if fitting_gain(audio, subtype) < 1:
        raise AudioFileError(path, f"audio beyond [-1, 1] would clip in {subtype}: lower its level")
    audio_format, _ = WRITABLE[suffix]
    if audio_format == "WAV" and channels * num_samples * PCM_BITS.get(subtype, 32) // 8 > MAX_WAV_BYTES:
        audio_format = "RF64"
    rng = np.random.default_rng(0) if dither else None
    order = WAV_TO_VORBIS.get(channels) if subtype == "VORBIS" else None
    try:
        with (
            written_whole(path) as temporary,
            soundfile.SoundFile(
                native_path(temporary), "w", sampling_rate, channels, subtype=subtype, format=audio_format
            ) as file,
        ):
            if comment:
                file.comment = comment
            # In blocks, because the converted copy of a long recording is large, and libvorbis overflows its stack.
            for start in range(0, num_samples, BLOCK):
                block = audio[:, start : start + BLOCK]
                file.write(_quantize((block if order is None else block[list(order)]).T, subtype, rng))
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioFileError(path, f"can't be written: {reason(error)}") from error


def read_comment(path: Path | str) -> str:
    """The comment of a file that `write_audio` wrote; "" if it has none, or can't be read."""
    try:
        with soundfile.SoundFile(native_path(path)) as file:
            return str(file.comment)
    except (soundfile.LibsndfileError, OSError):
        return ""


def _bits(subtype: str) -> int:
    """How many bits of a source's samples a format holds; FLOAT and VORBIS hold what float32 does."""
    return PCM_BITS.get(subtype, 64)


def _peak(audio: np.ndarray) -> float:
    """The largest magnitude, 0 without samples; NaN where a sample is."""
    # Not `abs`, which would copy a long recording.
    return float(np.maximum(audio.max(), -audio.min())) if audio.size else 0.0


def _quantize(audio: np.ndarray, subtype: str, rng: np.random.Generator | None) -> np.ndarray:
    """Rounds to the integers of `subtype`; libsndfile itself would round down, which shifts silence by one step."""
    if subtype not in PCM_BITS:
        return audio.astype(np.float32, copy=False)
    bits = PCM_BITS[subtype]
    steps = audio * np.float32(2 ** (bits - 1))
    if rng is not None:
        # In float64, because float32 has no room for the noise beside 24 bits.
        noise = rng.random(audio.shape) - rng.random(audio.shape)
        steps = np.where(audio == 0, 0, steps + noise)
    steps = np.rint(steps).clip(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    # soundfile takes 24 bits as the upper ones of 32.
    return steps.astype(np.int16) if bits == 16 else steps.astype(np.int32) << 8

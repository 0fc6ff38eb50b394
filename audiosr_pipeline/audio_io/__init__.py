"""Audio files: alone in touching soundfile and PyAV."""

from audiosr_pipeline.audio_io.errors import AudioFileError
from audiosr_pipeline.audio_io.files import AUDIO_SUFFIXES, audio_files, listed, passed_over, real_path
from audiosr_pipeline.audio_io.reading import (
    audio_channels,
    audio_format,
    audio_length,
    audio_notes,
    read_audio,
    read_segment,
    sample_format,
)
from audiosr_pipeline.audio_io.signatures import looks_like_file
from audiosr_pipeline.audio_io.writing import (
    check_subtype,
    fitting_gain,
    is_narrower,
    kept_subtype,
    read_comment,
    write_audio,
)

__all__ = [
    "AUDIO_SUFFIXES",
    "AudioFileError",
    "audio_channels",
    "audio_files",
    "audio_format",
    "audio_length",
    "audio_notes",
    "check_subtype",
    "fitting_gain",
    "is_narrower",
    "kept_subtype",
    "listed",
    "looks_like_file",
    "passed_over",
    "read_audio",
    "read_comment",
    "read_segment",
    "real_path",
    "sample_format",
    "write_audio",
]

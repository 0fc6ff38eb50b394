"""Audio files: alone in touching soundfile and PyAV."""

from audiosr_pipeline.audio_io.errors import AudioFileError
from audiosr_pipeline.audio_io.files import AUDIO_SUFFIXES, audio_files, not_files, other_files
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
    "looks_like_file",
    "not_files",
    "other_files",
    "read_audio",
    "read_comment",
    "read_segment",
    "sample_format",
    "write_audio",
]

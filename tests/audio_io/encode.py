"""Files as other programs write them, made with the encoders that PyAV brings."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SAMPLE_FORMATS = ("s16p", "s16", "fltp", "flt", "s32p", "u8")


def sweep(num_samples: int, sampling_rate: int, channels: int = 2) -> np.ndarray:
    """A tone that rises from 300 Hz to a tenth of the rate, with a trace of noise: what its delay is shows clearly."""
    time = np.arange(num_samples) / num_samples
    phase = 2 * np.pi * num_samples / sampling_rate * (300 * time + (sampling_rate / 10 - 300) * time**2 / 2)
    noise = np.random.default_rng(0).standard_normal((channels, num_samples))
    return (0.4 * np.sin(phase) + 0.02 * noise).astype(np.float32)


def encode(
    path: Path,
    audio: np.ndarray,
    sampling_rate: int,
    codec: str,
    container: str | None = None,
    container_options: dict[str, str] | None = None,
    has_video: bool = False,
    layout: str | None = None,
    **options: str,
) -> None:
    """Writes audio `(channels, num_samples)`, with or without a moving picture beside it."""
    layout = layout or ("mono" if len(audio) == 1 else "stereo")
    with av.open(str(path), "w", format=container, container_options=container_options or {}) as file:
        stream = file.add_stream(codec, rate=sampling_rate, layout=layout, options=options)
        offered = [audio_format.name for audio_format in av.codec.Codec(codec, "w").audio_formats]
        sample_format = next(name for name in SAMPLE_FORMATS if name in offered)
        stream.codec_context.format = sample_format
        if has_video:
            picture = file.add_stream("mpeg4", rate=25)
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
            for number in range(round(25 * audio.shape[1] / sampling_rate) + 10):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number % 256, np.uint8), format="rgb24")
                file.mux(picture.encode(frame))
            file.mux(picture.encode(None))
        resampler = av.AudioResampler(format=sample_format, layout=stream.layout, rate=sampling_rate)
        for start in range(0, audio.shape[1], 4_096):
            # Side by side, because of eight channels PyAV counts more planes than there are.
            block = audio[:, start : start + 4_096].T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="flt", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = sampling_rate, start, Fraction(1, sampling_rate)
            for converted in resampler.resample(frame):
                file.mux(stream.encode(converted))
        file.mux(stream.encode(None))


def delay(read: np.ndarray, audio: np.ndarray) -> int:
    """By how many samples what was read lags behind what was encoded, both `(channels, num_samples)`."""
    size = 2 ** int(np.ceil(np.log2(read.shape[1] + audio.shape[1])))
    spectrum = np.fft.rfft(read[0], size) * np.conj(np.fft.rfft(audio[0], size))
    lag = int(np.argmax(np.abs(np.fft.irfft(spectrum / np.maximum(np.abs(spectrum), 1e-9), size))))
    return lag if lag < size // 2 else lag - size

"""Files that FFmpeg's libraries read, by way of PyAV: MP3, FLAC, MP4, WebM, WMA, video and others.

A file can't make FFmpeg open another one, or anything on a network: it is handed over open and without its name, what
it wants opened beside it is refused, and only the demuxers and decoders listed here are let at it. Playlists, HLS, DASH
and concat scripts are not among them, and no video decoder.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from audiosr_pipeline.audio_io.containers import promised_file_bytes, tagged_length
from audiosr_pipeline.audio_io.errors import AudioFileError, damaged
from audiosr_pipeline.audio_io.window import Window

DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,avi,caf,dts,eac3,flac,flv,loas,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,ogg,tak,tta,wav,wv"
)
DECODERS = (
    "aac,aac_latm,ac3,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_swf,alac,amrnb,amrwb,ape,dca,eac3,flac,gsm,gsm_ms,"
    "libopus,mlp,mp1,mp1float,mp2,mp2float,mp3,mp3float,mpc7,mpc8,nellymoser,opus,pcm_alaw,pcm_bluray,pcm_dvd,pcm_f32be,"
    "pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,pcm_s8,pcm_u8,"
    "speex,tak,truehd,tta,vorbis,wavpack,wmalossless,wmapro,wmav1,wmav2,wmavoice"
)
# Streams of frames without a container. They are cut anywhere, and have tags between frames.
BARE_STREAMS = ("aac", "ac3", "amr", "dts", "eac3", "loas", "mp3", "mpeg", "mpegts")
# Containers that say the number of samples exactly; MP3 does in a tag, MP4 for each packet.
EXACT = ("ape", "flac", "tak", "tta", "wv")
MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
SUBTYPES = {
    "aac_latm": "AAC",
    "libopus": "OPUS",
    "mp1": "MPEG_LAYER_I",
    "mp1float": "MPEG_LAYER_I",
    "mp2": "MPEG_LAYER_II",
    "mp2float": "MPEG_LAYER_II",
    "mp3": "MPEG_LAYER_III",
    "mp3float": "MPEG_LAYER_III",
    "pcm_alaw": "ALAW",
    "pcm_mulaw": "ULAW",
    "pcm_s8": "PCM_S8",
    "pcm_u8": "PCM_U8",
}
# Decoders that give back the samples that were coded.
LOSSLESS = ("alac", "ape", "flac", "mlp", "pcm", "tak", "truehd", "tta", "wavpack", "wmalossless")


class NotRecognisedError(Exception):
    """What FFmpeg, with what it is let use, doesn't know as audio or video."""


class FFmpegSource:
    """An audio file, or the audio of a video, which FFmpeg decodes: see `Source`.

    Of several audio tracks FFmpeg's choice is read: the default one, else the one with the most channels.

    Args:
        path: Its name, for errors.
        file: What is read.

    Raises:
        NotRecognisedError: If FFmpeg doesn't know what it is.
        AudioFileError: If it holds no audio that can be decoded.
    """

    def __init__(self, path: Path | str, file: Window):
        self.path, self.file = path, file
        with self._opened() as (container, stream):
            self.kind: str = container.format.name
            self.codec: str = stream.codec_context.codec.name
            # The header of HE-AAC has half the rate: what counts is what comes.
            frame = next(self._first_frames(container, stream), None)
            if frame is None:
                raise AudioFileError(path, f"holds no samples that can be decoded (codec {self.codec})")
            self.sampling_rate: int = frame.sample_rate
            self.channels: int = len(frame.layout.channels)
            self.subtype = self._find_subtype(frame)
            self.origin = self._to_samples(stream.start_time or 0, stream)
            self.promised = self._find_promised(container, stream)
        end = promised_file_bytes(file)
        self.is_cut = end is not None and end > file.seek(0, 2)

    def num_samples(self) -> int:
        """See `Source`."""
        # The frames of FLAC are numbered, so that its end says where it is.
        start = self.promised - 1 if self.kind == "flac" and self.promised and self.origin == 0 else 0
        return start + sum(block.shape[1] for block in self.blocks(start))

    def blocks(self, start: int = 0) -> Iterator[np.ndarray]:
        """See `Source`."""
        # The frames of FLAC are numbered, and need nothing of what comes before. Of other formats neither is sure.
        return self._blocks(start, seek=self.kind == "flac" and start > 0)

    def _blocks(self, start: int, seek: bool) -> Iterator[np.ndarray]:
        with self._opened() as (container, stream):
            if seek:
                container.seek(int(Fraction(start + self.origin, self.sampling_rate) / stream.time_base), stream=stream)
            position = limit = 0
            held: np.ndarray | None = None
            for end, frame in self._frames(container, stream, is_middle=seek):
                if held is None and seek:
                    position = self._to_samples(frame.pts, stream) - self.origin
                elif self.kind == "flac" and frame.pts is not None:
                    self._check_gap(self._to_samples(frame.pts, stream) - self.origin, position)
                if held is not None:
                    yield from _after(held, position - held.shape[1], start)
                held = _as_float(frame)
                position += held.shape[1]
                limit = max(limit, end)
            if held is not None:
                # MP4 says of each packet how long it is, of the last too, whose coded frame is padded.
                padding = position - limit
                if self.kind == MP4 and 0 < padding < held.shape[1]:
                    held, position = held[:, :-padding], position - padding
                yield from _after(held, position - held.shape[1], start)
        self._check_length(position)

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        self.file.seek(0)
        options = {"format_whitelist": DEMUXERS, "codec_whitelist": DECODERS}
        try:
            container = av.open(self.file, container_options=options, metadata_errors="replace", io_open=_refuse)
        except (av.FFmpegError, ValueError) as error:
            raise NotRecognisedError(str(error)) from error
        with container:
            stream = container.streams.best("audio")
            if stream is None:
                kinds = sorted({other.type for other in container.streams})
                raise AudioFileError(
                    self.path, f"holds no audio ({container.format.name}: {', '.join(kinds) or 'empty'})"
                )
            context = stream.codec_context
            if context is None or context.codec.name not in DECODERS.split(","):
                name = "an unknown or encrypted codec" if context is None else f"codec {context.codec.name}"
                raise AudioFileError(self.path, f"its audio can't be decoded: {name}")
            if context.name.startswith("wma"):
                # FFmpeg leaves out as many samples as some encoders put in front. The format doesn't say.
                context.options = {"flags2": "+skip_manual"}
            elif context.name == "flac":
                # A frame whose check sum is wrong is an error.
                context.options = {"err_detect": "crccheck+explode"}
            yield container, stream

    def _first_frames(self, container: Any, stream: Any) -> Iterator[Any]:
        """Frames, as far as they can be had."""
        with suppress(av.FFmpegError):
            for packet in container.demux(stream):
                with suppress(av.FFmpegError):
                    yield from packet.decode()

    def _frames(self, container: Any, stream: Any, is_middle: bool) -> Iterator[tuple[int, Any]]:
        """Each frame, with the position of the end of the packets so far."""
        failed: av.FFmpegError | None = None
        end, has_begun = 0, False
        try:
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except av.FFmpegError as error:
                    # What a bare stream begins with may be part of a frame, as what follows a seek.
                    may_fail = not has_begun and (is_middle or self.kind in BARE_STREAMS)
                    if not may_fail and not (self.kind in BARE_STREAMS and _is_between_frames(packet)):
                        failed = error
                    continue
                if frames and failed is not None:
                    raise failed
                if packet.pts is not None:
                    end = max(end, self._to_samples(packet.pts + (packet.duration or 0), stream) - self.origin)
                for frame in frames:
                    self._check_kind(frame)
                    has_begun = True
                    yield end, frame
            # A bare stream may end with part of a frame too.
            if failed is not None and self.kind not in BARE_STREAMS:
                raise failed
        except av.FFmpegError as error:
            if self.promised is not None and end < self.promised:
                raise damaged(self.path, self.promised, end) from error
            raise AudioFileError(
                self.path, f"truncated or damaged: only the first {end} samples could be read ({self._promise()})"
            ) from error

    def _check_kind(self, frame: Any) -> None:
        channels = len(frame.layout.channels)
        if (frame.sample_rate, channels) != (self.sampling_rate, self.channels):
            raise AudioFileError(
                self.path,
                f"changes within it from {self.channels} channels at {self.sampling_rate} Hz to {channels} at "
                f"{frame.sample_rate} Hz, which can't be one clip",
            )

    def _promise(self) -> str:
        return (
            "its header doesn't say its length"
            if self.promised is None
            else f"its header promises {self.promised} samples"
        )

    def _check_gap(self, wanted: int, position: int) -> None:
        if wanted != position:
            raise AudioFileError(
                self.path,
                f"damaged: {self._promise()}, but after {position} samples the next {wanted - position} can't be read",
            )

    def _check_length(self, found: int) -> None:
        """Raises AudioFileError if there are fewer samples than promised."""
        if found == 0:
            return
        is_exact = self.kind in (*EXACT, "mp3")
        if self.promised is not None and found < self.promised and (self.is_cut or is_exact):
            # A stretch of a FLAC file, taken out without decoding it, has the header of the whole.
            if not (self.kind == "flac" and self.origin > 0):
                raise damaged(self.path, self.promised, found)
        if self.is_cut:
            raise AudioFileError(
                self.path,
                f"truncated: it ends before its header says; {found} samples could be read ({self._promise()})",
            )

    def _find_promised(self, container: Any, stream: Any) -> int | None:
        if self.kind == "mp3":
            return tagged_length(self.file, stream.codec_context.frame_size)
        if self.kind in BARE_STREAMS:
            return None
        if stream.duration:
            return self._to_samples(stream.duration, stream)
        if container.duration and len(container.streams) == 1:
            return round(container.duration * self.sampling_rate / 1_000_000)
        return None

    def _find_subtype(self, frame: Any) -> str:
        """Sample format, by libsndfile's names."""
        if self.codec in SUBTYPES:
            return SUBTYPES[self.codec]
        if not self.codec.startswith(LOSSLESS):
            return self.codec.upper()
        name = frame.format.name.rstrip("p")
        if name in ("flt", "dbl"):
            return "FLOAT" if name == "flt" else "DOUBLE"
        # 24 bits come as the upper ones of 32. What is wider is rare.
        return "PCM_24" if name == "s32" and "32" not in self.codec else {"s32": "PCM_32"}.get(name, "PCM_16")

    def _to_samples(self, timestamp: int, stream: Any) -> int:
        return round(timestamp * stream.time_base * self.sampling_rate)


def _refuse(url: str, flags: int, options: dict[str, str]) -> None:
    raise PermissionError(f"a file may not open {url}")


def _is_between_frames(packet: Any) -> bool:
    """Whether a packet of a bare stream is a tag or noise: it doesn't begin as a frame of MPEG audio, AAC or AC-3."""
    head = bytes(packet)[:2]
    return not (head[:1] == b"\xff" and head[1:] >= b"\xe0") and head != b"\x0b\x77"


def _after(block: np.ndarray, position: int, start: int) -> Iterator[np.ndarray]:
    """What of a block, which begins at a position, lies after the start."""
    if position + block.shape[1] > start:
        yield block[:, max(0, start - position) :]


def _as_float(frame: Any) -> np.ndarray:
    """Samples of a frame, `(channels, num_samples)`, float32."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, len(frame.layout.channels)).T
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if samples.dtype.kind == "i":
        return samples.astype(np.float32) / np.float32(2 ** (8 * samples.dtype.itemsize - 1))
    return samples.astype(np.float32, copy=False)

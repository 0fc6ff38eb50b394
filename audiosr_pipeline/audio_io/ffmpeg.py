"""Files that FFmpeg's libraries read, by way of PyAV: MP3, FLAC, MP4, WebM, WMA, video and others.

A file can't make FFmpeg open another one, or anything on a network: it is handed over open and without its name, what
it wants opened beside it is refused, and only the demuxers and decoders listed here are let at it. Playlists, HLS, DASH
and concat scripts are not among them, and no video decoder.
"""

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

from audiosr_pipeline.audio_io.containers import musepack_part, promised_duration, promised_file_bytes
from audiosr_pipeline.audio_io.errors import AudioFileError, damaged
from audiosr_pipeline.audio_io.mp3 import missed_tag, tagged_length
from audiosr_pipeline.audio_io.mp4 import Edit, find_edit, fragments_duration
from audiosr_pipeline.audio_io.window import Window

DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,avi,caf,dts,eac3,flac,flv,loas,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,ogg,tak,tta,wav,wv"
)
DECODERS = (
    "aac,aac_latm,ac3,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_swf,adpcm_yamaha,alac,amrnb,amrwb,ape,dca,eac3,flac,"
    "g722,g726,gsm,gsm_ms,"
    "libopus,mlp,mp1,mp1float,mp2,mp2float,mp3,mp3float,mpc7,mpc8,nellymoser,opus,pcm_alaw,pcm_bluray,pcm_dvd,pcm_f32be,"
    "pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,"
    "pcm_s8,pcm_u8,"
    "speex,tak,truehd,tta,vorbis,wavpack,wmalossless,wmapro,wmav1,wmav2,wmavoice"
)
# Streams of frames without a container. They are cut anywhere, and have tags between frames.
BARE_STREAMS = ("aac", "ac3", "amr", "dts", "eac3", "loas", "mp3", "mpeg", "mpegts")
# Containers that say the number of samples exactly; MP3 does in a tag, MP4 for each packet.
EXACT = ("ape", "flac", "mp3", "mpc8", "tak", "tta", "wv")
MP4, MATROSKA = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"
# Containers that say of each packet when it is heard, to a millisecond or better, but at their end not to a frame.
TIMED = (MATROSKA, "asf", "avi", "flv", "mpeg", "mpegts")
# Those whose header has a length that isn't guessed, and MP4.
WITH_LENGTH = (MATROSKA, MP4, "asf", "avi", "flv")
# What is missing between packets is more than their times' rounding; of a stream from a network they are uneven.
LARGEST_JUMP_S = 0.05
# By how much the length of these containers may differ from that of the sound: frames, delays and their rounding.
LENGTH_TOLERANCE_S = 0.15
# Coders whose delay an MP4 file's edit list tells; that of Opus stands elsewhere too.
EDITED = ("aac", "ac3", "alac", "eac3", "flac", "mp3", "mp3float")
# What FFmpeg's decoder of HE-AAC delays the sound by: files count it to the coder's delay or, as iTunes', don't.
SBR_DELAY = 961
MUSEPACK_DELAY = 481
# Samples of a frame of AAC, of which the decoder of HE-AAC makes twice as many.
AAC_FRAME = 1024
DURATION_TAG = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
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
PLANAR_DTYPES = {"u8p": "u1", "s16p": "i2", "s32p": "i4", "s64p": "i8", "fltp": "f4", "dblp": "f8"}
# Decoders that give back the samples that were coded.
LOSSLESS = ("alac", "ape", "flac", "mlp", "pcm", "tak", "truehd", "tta", "wavpack", "wmalossless")


class NotRecognisedError(Exception):
    """What FFmpeg, with what it is let use, doesn't know as audio or video."""


class FFmpegSource:
    """An audio file, or the audio of a video, which FFmpeg decodes: see `Source`.

    Of several audio tracks the first one that is marked as default is read, or else the first.

    Args:
        path: Its name, for errors.
        file: What is read.

    Raises:
        NotRecognisedError: If FFmpeg doesn't know what it is.
        AudioFileError: If it holds no audio that can be decoded.
    """

    def __init__(self, path: Path | str, file: Window):
        self.path, self.file = path, file
        self.notes: list[str] = []
        self._edit: Edit | None = None
        self._leave_out_front()
        self._edit = self._find_edit()
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
            # Of what is decoded, the part that is shown.
            self._first, self._end = self._find_shown(frame.samples, stream)
            self.promised = self._find_promised(container, stream)
            if len(tracks := container.streams.audio) > 1:
                number = 1 + [track.index for track in tracks].index(stream.index)
                self.notes.append(f"of {len(tracks)} audio tracks, number {number} was read")
        end = promised_file_bytes(file)
        self.is_cut = end is not None and end > file.seek(0, os.SEEK_END)

    def num_samples(self) -> int:
        """See `Source`."""
        # The frames of FLAC are numbered, so that its end says where it is.
        start = self.promised - 1 if self.kind == "flac" and self.promised and self.origin == 0 else 0
        return start + sum(block.shape[1] for block in self.blocks(start))

    def blocks(self, start: int = 0) -> Iterator[np.ndarray]:
        """See `Source`."""
        # The frames of FLAC are numbered, and need nothing of what comes before. Of other formats neither is sure.
        return self._blocks(start, seek=self.kind == "flac" and start > 0 and self._can_seek(start))

    def _leave_out_front(self) -> None:
        """Has an MP3 file begin with the tag of its length: FFmpeg takes it for sound if something stands in front."""
        with self._opened() as (container, stream):
            if container.format.name != "mp3":
                return
            start = None
            with suppress(av.FFmpegError):
                packet = next(container.demux(stream))
                start = missed_tag(self.file, packet.pos, packet.pos + packet.size)
        if start:
            self.file = Window(self.file, start, self.file.seek(0, os.SEEK_END))

    def _find_edit(self) -> Edit | None:
        """The part of an MP4 file's track that is shown, to the sample; None to leave it to FFmpeg."""
        with self._opened() as (container, stream):
            if container.format.name != MP4 or stream.codec_context.codec.name not in EDITED:
                return None
            track_id = stream.id
        return find_edit(self.file, track_id)

    def _find_shown(self, samples_per_frame: int, stream: Any) -> tuple[int, int | None]:
        """First sample that is shown, and the end of those; None if it is the end of all."""
        if self.kind == "mp3":
            length, is_all = tagged_length(self.file, stream.codec_context.frame_size)
            return 0, length if is_all else None
        if self.kind == "mpc8" and (part := musepack_part(self.file)) is not None:
            first = MUSEPACK_DELAY + part[0]
            return first, first + part[1]
        if self._edit is None:
            return 0, None
        first = round(self._edit.start * self.sampling_rate)
        # Nothing of a delay is said by a start of zero.
        if first and self.codec == "aac" and samples_per_frame > AAC_FRAME and (first - SBR_DELAY) % AAC_FRAME > 1:
            first += SBR_DELAY
        if self._edit.duration is None:
            return first, None
        return first, first + round(self._edit.duration * self.sampling_rate)

    def _can_seek(self, start: int) -> bool:
        """Whether FFmpeg can go to the frame that holds a sample: small files have nothing that it can go by."""
        with self._opened() as (container, stream), suppress(av.FFmpegError):
            self._seek(container, stream, start)
            frame = next(self._first_frames(container, stream), None)
            return frame is not None and frame.pts is not None and self._position(frame, stream) <= start
        return False

    def _seek(self, container: Any, stream: Any, start: int) -> None:
        container.seek(int(Fraction(start + self.origin, self.sampling_rate) / stream.time_base), stream=stream)

    def _position(self, frame: Any, stream: Any) -> int:
        return self._to_samples(frame.pts, stream) - self.origin

    def _blocks(self, start: int, seek: bool) -> Iterator[np.ndarray]:
        with self._opened() as (container, stream):
            if seek:
                self._seek(container, stream, start)
            position = limit = 0
            ahead: int | None = None
            held: np.ndarray | None = None
            for end, frame in self._frames(container, stream, is_middle=seek):
                if held is None and seek:
                    position = self._position(frame, stream)
                elif frame.pts is not None:
                    # By how much the frame's time lies after the end of what came before.
                    now = self._position(frame, stream) - position
                    if self.kind == "flac" or (self.kind in TIMED and ahead is not None):
                        self._check_gap(now - (ahead or 0), position)
                    ahead = now
                if held is not None:
                    yield from self._shown(held, position - held.shape[1], start)
                held = _as_float(frame)
                position += held.shape[1]
                limit = max(limit, end)
            if held is not None:
                # MP4 says of each packet how long it is, of the last too, whose coded frame is padded.
                padding = position - limit
                if self.kind == MP4 and 0 < padding < held.shape[1] and self._end is None:
                    held, position = held[:, :-padding], position - padding
                yield from self._shown(held, position - held.shape[1], start)
        end_of_shown = position if self._end is None else min(position, self._end)
        self._check_length(max(0, end_of_shown - self._first))

    def _shown(self, block: np.ndarray, position: int, start: int) -> Iterator[np.ndarray]:
        """What of a block, which begins at a position, is shown and lies after the start."""
        first = max(0, self._first + start - position)
        end = block.shape[1] if self._end is None else min(block.shape[1], self._end - position)
        if first < end:
            yield block[:, first:end]

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        self.file.seek(0)
        options = {"format_whitelist": DEMUXERS, "codec_whitelist": DECODERS}
        if self._edit is not None:
            # FFmpeg applies it to whole packets at the end.
            options["ignore_editlist"] = "1"
        try:
            container = av.open(self.file, container_options=options, metadata_errors="replace", io_open=_refuse)
        except (av.FFmpegError, ValueError) as error:
            raise NotRecognisedError(str(error)) from error
        with container:
            stream = _choose(container.streams.audio)
            if stream is None:
                kinds = sorted({other.type for other in container.streams})
                raise AudioFileError(
                    self.path, f"holds no audio ({container.format.name}: {', '.join(kinds) or 'empty'})"
                )
            context = stream.codec_context
            if not _can_be_decoded(stream):
                name = "an unknown or encrypted codec" if context is None else f"codec {context.codec.name}"
                raise AudioFileError(self.path, f"its audio can't be decoded: {name}")
            if context.name.startswith("wma") or self._edit is not None:
                # FFmpeg leaves out as many samples as some encoders of WMA put in front. The format doesn't say.
                context.options = {"flags2": "+skip_manual"}
            elif context.name == "flac":
                # A frame whose check sum is wrong is an error.
                context.options = {"err_detect": "crccheck+explode"}
            _leave_out_order(context)
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
        end, has_begun, packet_bytes = 0, False, 0
        try:
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except av.FFmpegError as error:
                    # What a bare stream begins with may be part of a frame, as what follows a seek.
                    may_fail = not has_begun and (is_middle or self.kind in BARE_STREAMS)
                    if not may_fail and not (self.kind in BARE_STREAMS and _is_tag(packet)):
                        failed = error
                    # What stands behind the last frame is in one packet with it, which then can't be decoded.
                    if self.kind in ("ac3", "eac3") and has_begun and packet.size > packet_bytes:
                        raise damaged(
                            self.path, end - self._first, None, self.sampling_rate, "something else stands behind"
                        ) from error
                    continue
                packet_bytes = packet.size or packet_bytes
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
            raise damaged(self.path, max(0, end - self._first), self.promised, self.sampling_rate) from error

    def _check_kind(self, frame: Any) -> None:
        channels = len(frame.layout.channels)
        if (frame.sample_rate, channels) != (self.sampling_rate, self.channels):
            raise AudioFileError(
                self.path,
                f"changes within it from {self.channels} channels at {self.sampling_rate} Hz to {channels} at "
                f"{frame.sample_rate} Hz, which can't be one clip",
            )

    def _check_gap(self, missing: int, position: int) -> None:
        """Raises AudioFileError if samples are missing after a position, or FLAC's frames have other numbers."""
        if missing if self.kind == "flac" else missing > LARGEST_JUMP_S * self.sampling_rate:
            raise damaged(
                self.path,
                position,
                self.promised,
                self.sampling_rate,
                f"after them {missing} are missing, by the time of the next"
                if missing > 0
                else "the next are out of order",
            )

    def _check_length(self, found: int) -> None:
        """Raises AudioFileError if there are fewer samples than promised."""
        if found == 0:
            return
        tolerance = 0.0
        if self.kind not in EXACT and not self.is_cut:
            # Of a guess by the bit rate nothing follows.
            tolerance = LENGTH_TOLERANCE_S * self.sampling_rate if self.kind in WITH_LENGTH else math.inf
        # A stretch of a FLAC file, taken out without decoding it, has the header of the whole.
        is_stretch = self.kind == "flac" and self.origin > 0
        if self.promised is not None and found < self.promised - tolerance and not is_stretch:
            raise damaged(self.path, found, self.promised, self.sampling_rate)
        if self.is_cut:
            raise damaged(self.path, found, self.promised, self.sampling_rate, "it ends before its header says")

    def _find_promised(self, container: Any, stream: Any) -> int | None:
        if self.kind == "mp3":
            return tagged_length(self.file, stream.codec_context.frame_size)[0]
        if self.kind in BARE_STREAMS:
            return None
        if self._end is not None:
            return self._end - self._first
        if self.kind in ("asf", "avi"):
            duration = promised_duration(self.file)
            return None if duration is None else round(duration * self.sampling_rate)
        if self.kind == MATROSKA:
            return self._find_promised_by_matroska(container, stream)
        if stream.duration:
            promised = self._to_samples(stream.duration, stream)
            if self.kind == MP4 and (duration := fragments_duration(self.file, stream.id)) is not None:
                promised = max(promised, round(duration * self.sampling_rate))
            return promised - self._first
        if container.duration and len(container.streams) == 1:
            return round(container.duration * self.sampling_rate / 1_000_000)
        return None

    def _find_promised_by_matroska(self, container: Any, stream: Any) -> int | None:
        """The header has the duration of the longest track, from zero on; some programs say that of each in a tag."""
        tag = DURATION_TAG.fullmatch(stream.metadata.get("DURATION", ""))
        if tag is not None:
            hours, minutes, seconds = tag.groups()
            end = round((3_600 * int(hours) + 60 * int(minutes) + Fraction(seconds)) * self.sampling_rate)
        elif container.duration and len(container.streams) == 1:
            end = round(container.duration * self.sampling_rate / 1_000_000)
        else:
            return None
        return max(0, end - self.origin)

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


def _can_be_decoded(stream: Any) -> bool:
    return stream.codec_context is not None and stream.codec_context.codec.name in DECODERS.split(",")


def _leave_out_order(context: Any) -> None:
    """Has a decoder know the number of channels alone, if a file says what each one is in an order of its own.

    PyAV frees the list of such channels twice, of each frame: the process then ends, or worse.
    """
    # Once, because the list is freed with this object; the setter then puts something else in its place.
    layout = context.layout
    if " channels (" in layout.name:
        context.layout = f"{layout.nb_channels} channels"


def _choose(tracks: Any) -> Any:
    """The track to read: those that can be decoded come first, of these the ones marked as default."""
    order = sorted(tracks, key=lambda track: (not _can_be_decoded(track), not track.disposition & Disposition.default))
    return order[0] if order else None


def _is_tag(packet: Any) -> bool:
    """Whether a packet of a bare stream that can't be decoded is a tag, or zeros."""
    data = bytes(packet)
    return data.startswith((b"ID3", b"TAG", b"APETAGEX", b"LYRICS")) or not data.strip(b"\0")


def _as_float(frame: Any) -> np.ndarray:
    """Samples of a frame, `(channels, num_samples)`, float32."""
    channels = len(frame.layout.channels)
    if frame.format.is_planar:
        # Of eight channels PyAV counts more planes than there are, and `to_ndarray` reads what isn't the process's.
        dtype = PLANAR_DTYPES[frame.format.name]
        samples = np.stack([np.frombuffer(plane, dtype, frame.samples) for plane in frame.planes[:channels]])
    else:
        samples = frame.to_ndarray().reshape(-1, channels).T
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if samples.dtype.kind == "i":
        return samples.astype(np.float32) / np.float32(2 ** (8 * samples.dtype.itemsize - 1))
    return samples.astype(np.float32, copy=False)

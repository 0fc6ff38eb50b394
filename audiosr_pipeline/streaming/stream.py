"""The stream: resampled, the band above its edge predicted, and both joined, in steps of 30 ms."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from audiosr_pipeline.models.stft import white_noise
from audiosr_pipeline.models.streaming_extension import StreamingExtension
from audiosr_pipeline.pipelines.checks import check_number
from audiosr_pipeline.pipelines.forms import unwrap
from audiosr_pipeline.pipelines.rates import check_rate
from audiosr_pipeline.streaming.band_edge import BandEdgeFinder
from audiosr_pipeline.streaming.block import read_block
from audiosr_pipeline.streaming.channels import ComponentFinder, rotate
from audiosr_pipeline.streaming.export import STEP_FRAMES
from audiosr_pipeline.streaming.network import load_network
from audiosr_pipeline.streaming.report import StreamReport
from audiosr_pipeline.streaming.resampler import CUTOFF, StreamingResampler
from audiosr_pipeline.streaming.splice import Splice

HIGHEST_RATE = 48_000
# The band edge is kept within what networks are trained for; from the upper on nothing is made.
LOWEST_EDGE, HIGHEST_EDGE = 2_000.0, 20_000.0


class StreamingAudioSR:
    """Takes a stream to 48 kHz while it is being made.

    The input's own band comes back as it is, resampled and late; above its edge a small causal network adds a new band.
    Every `push` gives exactly the samples that the pushed ones are at 48 kHz, `latency_samples` late: the first
    `latency_samples` of the output lie before the stream's first sample and are silent, and `flush` gives the last.
    How the stream is cut into blocks changes no bit of the audio.

    Channels that are coherent are turned into components, so that what was in the middle stays in the middle.

    Args:
        model: A `StreamingExtension`, a folder that holds one, the name of one that ships with the package, or the ONNX
            file that `export_onnx` made of one, which onnxruntime runs.
        sampling_rate: Rate of the input in Hz, 4000 to 48000.
        channels: 1 or 2.
        cutoff_freq: Where the input's content ends in Hz; None: it is found in the first second and looked for again.

    Raises:
        ValueError: If an argument isn't accepted.
        OSError: If there is no model in the folder, or no such file.
        ImportError: If the model is an ONNX file and onnxruntime is missing.

    >>> with StreamingAudioSR("audiosr-mini-streaming", sampling_rate=16_000) as stream:
    ...     for block in blocks:
    ...         play(stream.push(block))
    ...     play(stream.flush())
    """

    sampling_rate = 48_000

    def __init__(
        self,
        model: StreamingExtension | str | Path,
        sampling_rate: int,
        channels: int = 1,
        cutoff_freq: float | None = None,
    ):
        self.input_rate = check_rate(sampling_rate, "the stream")
        if self.input_rate > HIGHEST_RATE:
            raise ValueError(f"sampling_rate={sampling_rate}; a stream's is at most {HIGHEST_RATE} Hz: resample it.")
        if isinstance(channels, bool) or channels not in (1, 2):
            raise ValueError(f"channels={channels!r}; accepted are 1 and 2. Make a stream for each other one.")
        if cutoff_freq is not None:
            highest = min(HIGHEST_EDGE, self.input_rate / 2)
            accepted = f"{LOWEST_EDGE:.0f} to {highest:.0f} Hz"
            check_number("cutoff_freq", cutoff_freq, lambda value: LOWEST_EDGE <= value <= highest, accepted)
        self.channels = channels
        self._network = load_network(model, channels)
        config = self._network.config
        self._hop = config.hop_length
        self._step = STEP_FRAMES * self._hop
        self._resampler = StreamingResampler(self.input_rate, self.sampling_rate, channels, self._step)
        # A step's audio lies one hop, for the overlap, and the look-ahead before the samples that made it.
        self._behind = (1 + config.look_ahead) * self._hop
        self._latency = self._resampler.latency_samples + self._behind + self._step - 1
        self._edges: BandEdgeFinder | None = None
        if cutoff_freq is None:
            self._edges = BandEdgeFinder(CUTOFF * self.input_rate / 2, self.sampling_rate, channels)
            self._edge = self._edges.edge
        else:
            self._edge = float(cutoff_freq)
        self._found = [(0.0, self._edge)]
        self._splice = Splice(channels, self._hop)
        self._components = ComponentFinder(config, STEP_FRAMES)
        self._noise = white_noise().numpy()
        self._past = np.zeros((channels, config.n_fft - self._hop + self._behind), np.float32)
        self._tail = np.zeros((channels, self._hop), np.float32)
        self._num_steps = 0
        # What was made and not given yet; the latency's silence first.
        self._made: list[np.ndarray] = [np.zeros((channels, self._latency - self._behind), np.float32)]
        self._num_pushed = self._num_given = 0
        self._is_flat = channels == 1
        self._has_ended = False
        self._turn = threading.Lock()

    @property
    def latency_samples(self) -> int:
        """How late the output is: the input's sample `n` comes at `n * 48000 / rate + latency_samples`."""
        return self._latency

    def push(self, block: Any, sampling_rate: int | None = None) -> np.ndarray:
        """Takes the stream's next samples, and gives as many, at 48 kHz and late.

        Args:
            block: `(num_samples,)` for one channel, else `(channels, num_samples)`: an array or a tensor of floats in
                [-1, 1] or of integers, of any length, zero included.
            sampling_rate: Its rate in Hz, if it is known: it must be the stream's.

        Returns:
            Float32, shaped as the block: after `n` samples in all, `n * 48000 // rate` were given.

        Raises:
            ValueError: If the block's shape, type, rate or samples can't be used; the stream goes on as if it had not
                been pushed.
            RuntimeError: If the stream has ended, or another thread pushes at the same time.
        """
        with self._own_turn():
            if sampling_rate is not None and check_rate(sampling_rate, "block") != self.input_rate:
                raise ValueError(
                    f"the block's rate is {sampling_rate} Hz, the stream's {self.input_rate} Hz. Flush this stream and "
                    "make another one for the new rate."
                )
            audio, self._is_flat = read_block(block, self.channels, self.input_rate)
            for step in self._resampler.push(audio):
                self._made.append(self._take_step(step))
            self._num_pushed += audio.shape[1]
            given = self._give(self._num_pushed * self.sampling_rate // self.input_rate - self._num_given)
        return given[0] if self._is_flat else given

    def flush(self) -> np.ndarray:
        """Ends the stream: the last `latency_samples` of its audio, shaped as the last block.

        Raises:
            RuntimeError: If it has ended already, or another thread pushes at the same time.
        """
        with self._own_turn():
            self._has_ended = True
            wanted = self._num_pushed * self.sampling_rate // self.input_rate + self._latency - self._num_given
            silence = np.zeros((self.channels, self.input_rate // 10), np.float32)
            while sum(part.shape[1] for part in self._made) < wanted:
                self._made += [self._take_step(step) for step in self._resampler.push(silence)]
            given = self._give(wanted)
            self._close()
        return given[0] if self._is_flat else given

    def over(self, chunks: Iterable[Any]) -> Iterator[np.ndarray]:
        """The whole stream of what yields it in chunks, such as a streaming speech engine, as it comes.

        Args:
            chunks: Blocks as for `push`, or forms with their rate as `AudioSRPipeline` takes them: `(audio, rate)`,
                dicts, objects with `.audio`.

        Raises:
            As `push`; what was made until then has been given.
        """
        for chunk in chunks:
            rate: int | None = None
            while (form := unwrap(chunk, rate, "chunk", is_clip=True)) is not None:
                chunk, rate = form.audio, form.sampling_rate
            yield self.push(chunk, rate)
        yield self.flush()

    def report(self) -> StreamReport:
        """The stream's figures so far."""
        reason = "" if self._edge < HIGHEST_EDGE else f"the input has content up to {self._edge:.0f} Hz"
        return StreamReport(
            sampling_rate=self.input_rate,
            num_channels=self.channels,
            duration_s=self._num_pushed / self.input_rate,
            latency_samples=self._latency,
            band_edges=tuple(self._found),
            reason=reason,
        )

    def __enter__(self) -> "StreamingAudioSR":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._has_ended = True
        self._close()

    def _close(self) -> None:
        if self._edges is not None:
            self._edges.close()

    @contextmanager
    def _own_turn(self) -> Iterator[None]:
        """Within the block no other thread works on the stream; an error if one does, or if the stream has ended."""
        if not self._turn.acquire(blocking=False):
            raise RuntimeError("another thread is pushing to this stream; push from one thread, or hold a lock.")
        try:
            if self._has_ended:
                raise RuntimeError("the stream has ended; make another StreamingAudioSR for another one.")
            yield
        finally:
            self._turn.release()

    def _give(self, num_samples: int) -> np.ndarray:
        """The next samples of what was made, `(channels, num_samples)`."""
        parts, missing = [np.zeros((self.channels, 0), np.float32)], num_samples
        while missing > 0:
            part = self._made.pop(0)
            parts.append(part[:, :missing])
            if part.shape[1] > missing:
                self._made.insert(0, part[:, missing:])
            missing -= parts[-1].shape[1]
        self._num_given += num_samples
        return np.concatenate(parts, axis=1)

    def _take_step(self, step: np.ndarray) -> np.ndarray:
        """The audio that the next samples at 48 kHz complete, `(channels, step)`, `_behind` samples before them."""
        config = self._network.config
        self._find_edge(step)
        past = np.concatenate([self._past, step], axis=1)
        self._past = past[:, self._step :]
        heard = past[:, self._behind :]
        own = past[:, config.n_fft - self._hop :][:, : self._step]
        self._num_steps += 1
        edge = max(self._edge, LOWEST_EDGE) if self._edge < HIGHEST_EDGE else None
        new = np.zeros((self.channels, self._step), np.float32)
        new[:, : self._hop] = self._tail
        if edge is None:
            # What was made until now fades out; what may be made later begins anew.
            self._tail = np.zeros_like(self._tail)
            self._network.reset()
        else:
            turned = self._components.push(heard, edge) if self.channels == 2 else (1.0, 0.0)
            if self.channels == 2:
                heard = rotate(heard, *turned)
            made = self._network.step(heard, self._noise_of_step(), edge)
            if self.channels == 2:
                made = rotate(made, turned[0], -turned[1])
            new += made[:, : self._step]
            self._tail = made[:, self._step :].copy()
        return own + self._splice.push(new, edge)

    def _find_edge(self, step: np.ndarray) -> None:
        if self._edges is None:
            return
        edge = self._edges.push(step)
        if edge != self._edge:
            self._edge = edge
            # From the audio of this step on.
            time = max(self._num_steps * self._step - self._behind, 0) / self.sampling_rate
            self._found.append((time, edge))

    def _noise_of_step(self) -> np.ndarray:
        """White noise for the frames of this step; another for the second component."""
        length = self._network.config.n_fft - self._hop + self._step
        start = self._num_steps * self._step
        shift = len(self._noise) // 2
        places = [(start + channel * shift + np.arange(length)) % len(self._noise) for channel in range(self.channels)]
        return self._noise[np.stack(places)]

"""A stream's network with its state, run by PyTorch or, exported, by onnxruntime: samples in, what is added out."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
import torch

from audiosr_pipeline.models.streaming_extension import StreamingExtension
from audiosr_pipeline.streaming.export import CONFIG_KEY, STATE
from audiosr_pipeline.streaming.loading import load_extension


class Network(Protocol):
    """What a stream asks of its network."""

    config: Any

    def reset(self) -> None:
        """Begins anew."""

    def step(self, audio: np.ndarray, noise: np.ndarray, cutoff_freq: float) -> np.ndarray:
        """What is added, as `StreamingStep` gives it."""


def load_network(model: Any, num_channels: int) -> Network:
    """The network of a stream: an ONNX file is run by onnxruntime, the rest by PyTorch.

    Raises:
        ValueError: If `model` is nothing of both, or the file holds another network.
        OSError: If there is none.
        ImportError: If onnxruntime is needed and missing.
    """
    if isinstance(model, (str, Path)) and Path(model).suffix == ".onnx":
        return OnnxNetwork(Path(model), num_channels)
    return TorchNetwork(load_extension(model), num_channels)


class TorchNetwork:
    """A `StreamingExtension` and its state."""

    def __init__(self, model: StreamingExtension, num_channels: int):
        self.model, self.config = model, model.config
        self._num_channels = num_channels
        self._cutoff_freq: float | None = None
        self.reset()

    def reset(self) -> None:
        """Begins anew."""
        self._state = self.model.initial_state(self._num_channels)

    @torch.inference_mode()
    def step(self, audio: np.ndarray, noise: np.ndarray, cutoff_freq: float) -> np.ndarray:
        """What is added, as `StreamingStep` gives it."""
        if cutoff_freq != self._cutoff_freq:
            self._cutoff_freq = cutoff_freq
            self._bands = self.model.bands_of(torch.full((self._num_channels,), cutoff_freq))
        heard, coloured = self.model.stft(torch.from_numpy(np.concatenate([audio, noise]))).split(self._num_channels)
        new, self._state = self.model(heard, self._bands, coloured, self._state)
        return self.model.inverse_stft(new).numpy()


class OnnxNetwork:
    """A file of `export_onnx` and its state."""

    def __init__(self, path: Path, num_channels: int):
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(f"{path} needs onnxruntime: pip install audiosr-pipeline[onnx]") from error
        if not path.is_file():
            raise FileNotFoundError(f"{path} is no file: write one with `audiosr_pipeline.streaming.export_onnx`.")
        options = onnxruntime.SessionOptions()
        # More threads than one wait for each other longer than they work.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # It warns of constants that it computes in each step.
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(path.read_bytes(), options, ["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own errors share no other base.
            raise ValueError(f"{path} can't be read as ONNX ({error}); write it with `export_onnx`.") from error
        described = self._session.get_modelmeta().custom_metadata_map.get(CONFIG_KEY)
        if described is None:
            raise ValueError(f"{path} is another ONNX model; accepted is what `export_onnx` writes.")
        self.config = SimpleNamespace(**json.loads(described))
        self._num_channels = num_channels
        self._shapes = {each.name: (num_channels, *each.shape[1:]) for each in self._session.get_inputs()}
        self.reset()

    def reset(self) -> None:
        """Begins anew."""
        self._state = [np.zeros(self._shapes[name], np.float32) for name in STATE]

    def step(self, audio: np.ndarray, noise: np.ndarray, cutoff_freq: float) -> np.ndarray:
        """What is added, as `StreamingStep` gives it."""
        feed = {
            "audio": np.ascontiguousarray(audio),
            "noise": noise,
            "cutoff_freq": np.full(self._num_channels, cutoff_freq, np.float32),
            **dict(zip(STATE, self._state, strict=True)),
        }
        new, *self._state = self._session.run(None, feed)
        return new

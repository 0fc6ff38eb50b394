"""The network's step as ONNX: a stream's samples, its band edge and its state in, what is added and the state out."""

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from audiosr_pipeline.models.matrix_dft import MatrixDFT
from audiosr_pipeline.models.streaming_extension import ExtensionState, StreamingExtension
from audiosr_pipeline.streaming.loading import load_extension
from audiosr_pipeline.writing import written_whole

STATE = ("powers", "num_frames", "spectra", "hidden")
# Frames of a step: audio is always made in steps of one length, so it doesn't depend on how the stream was cut. A step
# takes about as long whatever its length: two frames would be 20 ms earlier, and cost two and a half times as much.
STEP_FRAMES = 6
CONFIG_KEY = "audiosr_pipeline.streaming_extension"


class _ByMatrices(StreamingExtension):
    """The network with its transforms as products of matrices: onnxruntime's DFT takes three quarters of a step."""

    def __init__(self, **config: Any):
        super().__init__(**config)
        # Made here, so that the matrices are constants of the graph.
        self.transform = MatrixDFT(self.config.n_fft)

    def forward_transform(self, frames: Tensor) -> Tensor:
        return self.transform.forward(frames)

    def inverse_transform(self, spectrum: Tensor) -> Tensor:
        return self.transform.inverse(spectrum)


class StreamingStep(nn.Module):
    """A step of a stream, with nothing but tensors of floats in and out.

    Args:
        model: The network.
    """

    def __init__(self, model: StreamingExtension):
        super().__init__()
        self.model = model

    def forward(
        self,
        audio: Tensor,
        noise: Tensor,
        cutoff_freq: Tensor,
        powers: Tensor,
        num_frames: Tensor,
        spectra: Tensor,
        hidden: Tensor,
    ) -> tuple[Tensor, ...]:
        """What is added, `(batch, (num_frames + 1) * hop_length)`, and the state after, in the order of `STATE`.

        Args:
            audio: Input at 48 kHz, `(batch, n_fft - hop_length + num_frames * hop_length)`, as `stft` takes it.
            noise: White noise of power one, of the same shape.
            cutoff_freq: Where the input's content ends, `(batch,)`, in Hz.
            powers: As in `ExtensionState`; zeros before the first sample, as are the others.
            num_frames: As in `ExtensionState`.
            spectra: As in `ExtensionState`, with real and imaginary parts last.
            hidden: As in `ExtensionState`.
        """
        state = ExtensionState(powers, num_frames, torch.view_as_complex(spectra), hidden)
        bands = self.model.bands_of(cutoff_freq)
        new, after = self.model(self.model.stft(audio), bands, self.model.stft(noise), state)
        return (
            self.model.inverse_stft(new),
            after.powers,
            after.num_frames,
            torch.view_as_real(after.spectra),
            after.hidden,
        )


def export_onnx(model: StreamingExtension | str | Path, path: str | Path) -> None:
    """Writes a network's step of 30 ms, `StreamingStep`, as an ONNX file that `StreamingAudioSR` takes as its model.

    Args:
        model: As `StreamingAudioSR` takes it.
        path: The file, whose name ends in `.onnx`. The batch size, which is a stream's channels, is free.

    Raises:
        ValueError: If the name ends otherwise, or the model isn't accepted.
        OSError: If there is no model in the folder, or the file can't be written.
        ImportError: If `onnx` or `onnxscript` is missing.
    """
    path = Path(path)
    if path.suffix != ".onnx":
        raise ValueError(f"path={str(path)!r}; the file's name ends in .onnx, by which StreamingAudioSR knows it.")
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError("the export needs onnx and onnxscript: pip install audiosr-pipeline[onnx]") from error
    trained = load_extension(model)
    config = {name: value for name, value in trained.config.items() if not name.startswith("_")}
    by_matrices = _ByMatrices(**config)
    by_matrices.load_state_dict(trained.state_dict())
    length = trained.config.n_fft + (STEP_FRAMES - 1) * trained.config.hop_length
    # Two, as a batch of one would be taken for all that there is.
    state = trained.initial_state(2)
    example = (
        torch.zeros(2, length),
        torch.zeros(2, length),
        torch.full((2,), 6_000.0),
        state.powers,
        state.num_frames,
        torch.view_as_real(state.spectra),
        state.hidden,
    )
    with warnings.catch_warnings(), torch.no_grad():
        # PyTorch's own, about its own code.
        warnings.simplefilter("ignore")
        free = tuple({0: torch.export.Dim.DYNAMIC} for _ in example)
        program = torch.export.export(StreamingStep(by_matrices).eval(), example, dynamic_shapes=free)
        # The optimizer takes the addition of 1e-10 for that of zero, and the logarithm of silence is then infinite.
        exported = torch.onnx.export(
            program,
            example,
            dynamo=True,
            optimize=False,
            verbose=False,
            input_names=["audio", "noise", "cutoff_freq", *STATE],
            output_names=["new", *(f"{name}_after" for name in STATE)],
        )
    assert exported is not None
    exported.model.metadata_props[CONFIG_KEY] = json.dumps(config)
    with written_whole(path) as temporary:
        temporary.write_bytes(exported.model_proto.SerializeToString())

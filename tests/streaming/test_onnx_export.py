"""A network exported to ONNX: as a stream's model it makes what PyTorch makes."""

import numpy as np
import pytest
import torch

from audiosr_pipeline.models.matrix_dft import MatrixDFT
from audiosr_pipeline.streaming import StreamingAudioSR, export_onnx
from tests.signals import noise


@pytest.mark.parametrize("n_fft", [96, 480, 1_024])
def test_the_dft_by_matrices_is_the_dft(n_fft):
    generator = torch.Generator().manual_seed(0)
    transform = MatrixDFT(n_fft)
    frames = torch.randn(2, 3, n_fft, generator=generator)
    spectra = torch.fft.rfft(torch.randn(2, 3, n_fft, generator=generator))
    # float32, whose rounding grows with the logarithm of the length.
    assert torch.allclose(transform.forward(frames), torch.fft.rfft(frames), atol=1e-5 * n_fft**0.5)
    assert torch.allclose(transform.inverse(spectra), torch.fft.irfft(spectra, n=n_fft), atol=1e-5)


@pytest.fixture(scope="module")
def exported(tiny_extension, tmp_path_factory):
    """The tiny network as a file."""
    for module in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(module, reason="the extra [onnx] isn't installed")
    path = tmp_path_factory.mktemp("onnx") / "step.onnx"
    export_onnx(tiny_extension, path)
    return path


@pytest.mark.parametrize("channels", [1, 2])
def test_an_exported_network_makes_the_same_audio(tiny_extension, exported, channels):
    audio = np.concatenate([0.1 * noise(0.3, 16_000, seed) for seed in range(channels)])
    # Silence, a change of level, and sound again: all of the state is used.
    audio[:, 1_600:3_200] = 0
    outputs = []
    for model in (tiny_extension, exported):
        stream = StreamingAudioSR(model, 16_000, channels, cutoff_freq=6_000)
        parts = [stream.push(part) for part in np.split(audio, [7, 900, 3_000], axis=1)]
        outputs.append(np.concatenate([*parts, stream.flush()], axis=1))
    # float32, with other orders of summation, through logarithms and exponentials.
    assert np.abs(outputs[1] - outputs[0]).max() < 1e-4 * np.abs(outputs[0]).max()


def test_a_file_that_is_no_exported_network_is_refused(tmp_path):
    pytest.importorskip("onnxruntime", reason="the extra [onnx] isn't installed")
    path = tmp_path / "other.onnx"
    with pytest.raises(FileNotFoundError, match="is no file: write one with"):
        StreamingAudioSR(path, 16_000)
    path.write_bytes(b"no protocol buffer")
    with pytest.raises(ValueError, match=r"other.onnx can't be read as ONNX"):
        StreamingAudioSR(path, 16_000)


def test_the_file_s_name_must_end_in_onnx(tiny_extension, tmp_path):
    with pytest.raises(ValueError, match=r"the file's name ends in .onnx"):
        export_onnx(tiny_extension, tmp_path / "step.pt")

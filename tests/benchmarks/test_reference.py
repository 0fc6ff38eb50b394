"""The benchmarks against the reference, without the reference."""

import importlib
import sys

import pytest
import torch
from safetensors.torch import save_file

from benchmarks import parity, reference_shim
from benchmarks.comparison import Comparison
from benchmarks.side_by_side import chain
from tests.official import normal
from tests.pipelines.official_classes import build_official_pipeline


@pytest.mark.parametrize(("error", "status"), [(0.0, 0), (1e-3, 1)])
def test_parity_exits_with_1_if_a_stage_is_beyond_its_bound(error, status, tmp_path, monkeypatch, capsys):
    def comparisons(expected):
        for name, tensor in expected.items():
            yield Comparison(name, tensor + error * (name == "second"), tensor, 0.0)

    monkeypatch.setattr(parity, "reduced_comparisons", comparisons)
    (tmp_path / "fixtures").mkdir()
    fixtures = {"first": torch.ones(3), "second": torch.ones(3)}
    save_file(fixtures, tmp_path / "fixtures" / "reduced_pipeline.safetensors")
    output = tmp_path / "parity.md"
    monkeypatch.setattr(sys, "argv", ["parity", "--reference", str(tmp_path), "--output", str(output)])
    assert parity.main() == status
    assert output.read_text() == capsys.readouterr().out
    assert output.read_text().count("| pass |") == 2 - status


def test_side_by_side_passes_beside_itself_and_fails_beside_another():
    pipe = build_official_pipeline()
    low_bins = torch.arange(256) < 100
    blank = {"latents": torch.zeros(1, 16, 16, 32), "mel": torch.zeros(1, 1, 128, 256)}
    # The vocoder adds 16 samples.
    blank |= {"waveform": torch.zeros(1, 1, 128 * 480 + 16), "replaced_mel": blank["mel"] + low_bins}
    blank["lowpass_mel"] = 3 * normal("mel", (1, 128, 256)) - 5
    latents, mel, waveform = (row.found for row in chain(pipe, blank, num_steps=2, is_default=False))

    itself = {"latents": latents, "mel": mel, "replaced_mel": mel + low_bins, "waveform": waveform[:, None]}
    reference = blank | itself
    assert [row.error for row in chain(pipe, reference, num_steps=2, is_default=False)] == [0, 0, 0]
    reference["latents"] = latents + 1e-2
    assert [row.passes for row in chain(pipe, reference, num_steps=2, is_default=False)] == [False, True, True]
    # Other kernels may round otherwise, by a thousandth of the largest value.
    for share, passes in ((5e-4, True), (5e-3, False)):
        reference["latents"] = latents + share * latents.abs().max()
        assert [row.passes for row in chain(pipe, reference, num_steps=2, is_default=True)] == [passes, True, True]


def test_the_stand_ins_are_empty_classes_of_the_listed_modules_alone(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [reference_shim.StandIns(), *sys.meta_path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    module = importlib.import_module("progressbar.widgets")
    assert isinstance(module.Bar, type)
    with pytest.raises(AttributeError):
        _ = module.__all__
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("progressbar2")


def test_the_reference_draws_the_mode_of_the_condition_and_then_the_named_noise():
    draw = reference_shim.named_noise(num_steps=1)
    shape = torch.Size([1, 2, 3])
    assert not draw(shape).any() and not draw(shape).any()
    assert torch.equal(draw(shape), normal("noise/x_T", shape))
    assert torch.equal(draw(shape, device="cpu"), normal("noise/step_0", shape))
    with pytest.raises(StopIteration):
        draw(shape)

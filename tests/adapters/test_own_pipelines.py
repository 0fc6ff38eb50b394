"""The package's own generators behind `with_super_resolution`: from a label to 48 kHz."""

import pytest
import torch

from audiosr_pipeline.adapters import with_super_resolution
from tests.pipelines.test_dag_pipeline import build


@pytest.fixture(scope="module")
def wrapped(tiny_pipeline):
    return with_super_resolution(build(), tiny_pipeline)


def settings(seed=0, **changes):
    return {
        "num_inference_steps": 2,
        "audio_length_in_s": 0.1,
        "generator": torch.Generator().manual_seed(seed),
        **changes,
    }


def test_labels_become_clips_at_48_khz(wrapped):
    output = wrapped(["rain", "sea"], **settings())
    assert wrapped.sampling_rate == output.sampling_rate == 48_000
    assert output.audios.shape == (2, 4_800)
    assert [report.sampling_rate for report in output.reports] == [16_000, 16_000]


def test_a_tuple_tells_the_new_rate_too(wrapped):
    audios, sampling_rate = wrapped("rain", **settings(return_dict=False, output_type="pt"))
    assert isinstance(audios, torch.Tensor)
    assert (tuple(audios.shape), sampling_rate) == ((1, 4_800), 48_000)


def test_another_rate_than_its_own_is_refused(tiny_pipeline):
    with pytest.raises(ValueError, match="generates audio at 16000 Hz, but sampling_rate=44100 was passed"):
        with_super_resolution(build(), tiny_pipeline, sampling_rate=44_100)

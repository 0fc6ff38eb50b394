"""What can't be right is said to be wrong, by the name of what returned it, before or instead of a wrong result."""

import numpy as np
import pytest
import torch
from torch import nn

from audiosr_pipeline.adapters import read_output, with_super_resolution
from tests.adapters.cases import CASES
from tests.adapters.tiny import build_audioldm, build_fastspeech2, build_musicgen
from tests.conftest import build_tiny_pipeline
from tests.signals import noise

AUDIO = noise(0.2, 16_000)


def test_a_rate_that_the_generator_contradicts():
    with pytest.raises(ValueError, match="generates audio at 32000 Hz, but sampling_rate=16000 was passed"):
        read_output(build_musicgen(), torch.zeros(1, 1, 100), sampling_rate=16_000)


@pytest.mark.parametrize("output", [(AUDIO, 32_000), {"audio": AUDIO, "sampling_rate": 32_000}], ids=["tuple", "dict"])
def test_a_rate_that_the_output_contradicts(output):
    with pytest.raises(ValueError, match="at 32000 Hz, but sampling_rate=16000 was passed"):
        read_output(lambda: None, output, sampling_rate=16_000)


def test_a_rate_too_high_is_noticed_where_it_makes_full_band_of_the_audio(tiny_pipeline):
    """A lower wrong rate can't be: slowed down, the same samples are audio as good."""
    wrapped = with_super_resolution(lambda: AUDIO, tiny_pipeline, sampling_rate=48_000)
    with pytest.warns(UserWarning, match="left alone as full band at 48000 Hz.*that isn't its rate"):
        assert wrapped().reports[0].action == "left_alone"


def test_a_missing_rate(tiny_pipeline):
    with pytest.raises(ValueError, match="what synthesise returned can't be used.*pass sampling_rate="):

        def synthesise():
            return AUDIO

        with_super_resolution(synthesise, tiny_pipeline)()
    with pytest.raises(ValueError, match="pass sampling_rate="):
        read_output(None, AUDIO)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ((np.zeros((1, 0), np.float32), 16_000), "zero samples"),
        (([], 16_000), "empty list"),
        ((16_000, AUDIO), r"a tuple of int, ndarray; accepted are \(audio, sampling_rate\)"),
        ((AUDIO, 16_000, "more"), "a tuple of ndarray, int, str; accepted are"),
        ((AUDIO, -1), "sampling_rate=-1"),
        (("rain.wav", 16_000), "a str where its audio should be; accepted are"),
        (None, "a NoneType where its audio should be"),
        ({"sampling_rate": 16_000}, "a NoneType where its audio should be"),
    ],
    ids=["empty", "no clips", "rate first", "three", "negative rate", "path", "None", "dict without audio"],
)
def test_a_function_that_returns_no_audio(output, message, tiny_pipeline):
    with pytest.raises(ValueError, match=f"what <lambda> returned can't be used: .*{message}"):
        with_super_resolution(lambda: output, tiny_pipeline)()


def test_fastspeech2_that_says_nothing():
    model = build_fastspeech2()
    out = CASES["FastSpeech 2"].call(model)
    out.duration_outputs[1] = 0
    message = r"what FastSpeech2ConformerWithHifiGan returned can't be used: audio\[1\] .*zero samples"
    with pytest.raises(ValueError, match=message):
        read_output(model, out)


def test_nan_from_a_network_in_half_precision(tiny_pipeline):
    class Vocoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.full((1,), torch.inf, dtype=torch.float16))

        def forward(self, text):
            return self.gain * torch.zeros(1, 1_600, dtype=torch.float16)

    wrapped = with_super_resolution(Vocoder(), tiny_pipeline, sampling_rate=16_000, on_error="return_original")
    with pytest.raises(ValueError, match="Vocoder returned can't be used: .*NaN.*float16, which overflows easily"):
        wrapped("rain")


def test_latents_are_not_audio(tiny_pipeline):
    wrapped = with_super_resolution(build_audioldm(), tiny_pipeline)
    with pytest.raises(ValueError, match='output_type="latent" gives no audio'):
        wrapped("rain", output_type="latent")


def test_arguments_that_are_not_accepted(tiny_pipeline):
    with pytest.raises(ValueError, match='on_error="ignore"; accepted are raise, return_original'):
        with_super_resolution(print, tiny_pipeline, on_error="ignore")
    with pytest.raises(ValueError, match="output_type, steps can't be set; accepted are .*num_inference_steps"):
        with_super_resolution(print, tiny_pipeline, steps=3, output_type="pt")
    with pytest.raises(ValueError, match="audiosr is a str; accepted is an AudioSRPipeline"):
        with_super_resolution(print, "audiosr-mini")


def failing_pipeline():
    pipe = build_tiny_pipeline()

    def fail(*args, **kwargs):
        raise torch.OutOfMemoryError("no memory left")

    pipe.vocoder.forward = fail
    return pipe


def test_a_failure_of_the_upscaler_is_raised():
    with pytest.raises(torch.OutOfMemoryError, match="no memory left"):
        CASES["AudioLDM"].call(with_super_resolution(build_audioldm(), failing_pipeline()))


def test_a_failure_of_the_upscaler_can_give_the_original_instead():
    wrapped = with_super_resolution(build_audioldm(), failing_pipeline(), on_error="return_original")
    with pytest.warns(UserWarning, match="super-resolution failed.*OutOfMemoryError: no memory left"):
        out = CASES["AudioLDM"].call(wrapped)
    np.testing.assert_array_equal(out.audios, out.original)
    assert out.sampling_rate == 48_000 and out.audios.shape == (2, 14_400)
    assert [report.action for report in out.reports] == ["failed", "failed"]
    assert out.reports[0].reason == "OutOfMemoryError: no memory left"


def test_a_failure_of_the_generator_is_never_hidden(tiny_pipeline):
    def fail():
        raise RuntimeError("no such prompt")

    with pytest.raises(RuntimeError, match="no such prompt"):
        with_super_resolution(fail, tiny_pipeline, on_error="return_original")()

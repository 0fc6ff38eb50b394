"""What can't be right is said to be wrong, by the name of what returned it, before or instead of a wrong result."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import AudioLDMPipeline, LTX2HDRPipeline
from torch import nn

from audiosr_pipeline.adapters import read_output, with_super_resolution
from audiosr_pipeline.adapters.find import find_adapter
from tests.adapters.cases import CASES
from tests.adapters.tiny import build_audioldm, build_fastspeech2, build_musicgen
from tests.adapters.tiny_omni import build_pocket_tts
from tests.adapters.tiny_speech import build_dia
from tests.conftest import build_tiny_pipeline
from tests.signals import noise

AUDIO = noise(0.2, 16_000)


def test_a_rate_that_the_generator_contradicts():
    with pytest.raises(ValueError, match="generates audio at 32000 Hz, but sampling_rate=16000 was passed"):
        read_output(build_musicgen(), torch.zeros(1, 1, 100), sampling_rate=16_000)


@pytest.mark.parametrize("output", [(AUDIO, 32_000), {"audio": AUDIO, "sampling_rate": 32_000}], ids=["tuple", "dict"])
def test_a_rate_that_the_output_contradicts(output):
    with pytest.raises(ValueError, match="a rate of its own, 32000 Hz, but sampling_rate=16000 was passed"):
        read_output(lambda: None, output, sampling_rate=16_000)


def test_a_rate_too_high_is_noticed_where_it_makes_full_band_of_the_audio(tiny_pipeline):
    """A lower wrong rate can't be: slowed down, the same samples are audio as good."""
    wrapped = with_super_resolution(lambda: AUDIO, tiny_pipeline, sampling_rate=48_000)
    with pytest.warns(UserWarning, match="left alone as full band at 48000 Hz.*that isn't its rate"):
        assert wrapped().reports[0].action == "left_alone"


def test_two_rows_are_two_clips_only_with_a_warning(tiny_pipeline):
    """Many programs mean the channels of one clip by them."""
    rows = np.concatenate([AUDIO, AUDIO])
    with pytest.warns(UserWarning, match=r"<lambda> returned has shape \(2, 3200\) and is taken for two mono clips"):
        assert len(with_super_resolution(lambda: rows, tiny_pipeline, sampling_rate=16_000)().reports) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # As it says.
        for output, num_clips in (([rows], 1), (list(rows), 2)):
            out = with_super_resolution(lambda output=output: output, tiny_pipeline, sampling_rate=16_000)()
            assert len(out.reports) == num_clips


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
        ((16_000, AUDIO), r"\(sampling_rate, audio\) with audio of shape \(1, 3200\).*\(num_samples, channels\)"),
        ((AUDIO, 16_000, AUDIO), r"a tuple of ndarray, int, ndarray; accepted are \(audio, sampling_rate\)"),
        ((AUDIO, torch.tensor([3_200])), r"audio of shape \(1, 3200\) and 3200, which is its length and no usual rate"),
        ((AUDIO, torch.tensor([3_200, 3_200])), r"a tuple of ndarray, Tensor; accepted are \(audio, sampling_rate\)"),
        ((AUDIO, -1), "sampling_rate=-1"),
        (("rain.wav", 16_000), "rain.wav: no such file"),
        (None, "audio is a NoneType; accepted are"),
        ({"sampling_rate": 16_000}, r"a dict without \['audio'\]"),
        ((torch.zeros(1, 3_200, dtype=torch.long), 16_000), "dtype int64"),
    ],
    ids=[
        "empty",
        "no clips",
        "rate first",
        "three",
        "length",
        "lengths",
        "negative rate",
        "path",
        "None",
        "no audio",
        "ids",
    ],
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

    message = "Vocoder returned can't be used: .*NaN.*float16, which overflows easily"
    with pytest.raises(ValueError, match=message) as error:
        with_super_resolution(Vocoder(), tiny_pipeline, sampling_rate=16_000)("rain")
    # What was generated isn't lost.
    assert error.value.output.isnan().all()
    wrapped = with_super_resolution(Vocoder(), tiny_pipeline, sampling_rate=16_000, on_error="return_original")
    with pytest.warns(UserWarning, match=f"returned as it is, not at 48 kHz: ValueError: what {message}"):
        out = wrapped("rain")
    assert out.isnan().all() and out.sampling_rate == 16_000 and out.original is None
    (report,) = out.reports
    assert report.action == "failed" and "float16" in report.reason


def test_latents_are_not_audio(tiny_pipeline):
    wrapped = with_super_resolution(build_audioldm(), tiny_pipeline)
    with pytest.raises(ValueError, match='output_type="latent" gives no audio'):
        wrapped("rain", output_type="latent")


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("CSM", {"output_audio": False}, "output_audio=False gives no audio; it gives codes: pass output_audio=True"),
        ("SpeechT5", {"vocoder": None}, "vocoder=None gives no audio; it gives a spectrogram: pass vocoder="),
        ("Moshi", {"return_audio_waveforms": False}, "return_audio_waveforms=False gives no audio"),
        ("Cosmos 3 Omni", {"enable_sound": False}, "enable_sound=False gives no audio; pass enable_sound=True"),
        ("Cosmos 3 Omni", {}, "enable_sound=False gives no audio"),
        ("Kandinsky 6", {"sample_audio": False}, "sample_audio=False gives no audio; leave it out"),
        ("Qwen 2.5 Omni", {"generation_mode": "text"}, 'generation_mode="text" gives no audio'),
        ("Qwen 3 Omni", {"return_audio": False}, "return_audio=False gives no audio"),
        ("LTX-2", {"output_type": "latent"}, 'output_type="latent" gives no audio; leave it out'),
        ("MiniMax Music 3, modular, several values", {"output": "latent_chunks"}, "leaves out the audio.*audios"),
    ],
)
def test_a_call_that_would_give_no_audio_is_refused_before_it_generates(name, arguments, message, tiny_pipeline):
    generator = CASES[name].build()
    wrapped = with_super_resolution(generator, tiny_pipeline)
    method = wrapped if "__call__" in find_adapter(generator).methods else wrapped.generate
    with pytest.raises(ValueError, match=message):
        method(**arguments)


@pytest.mark.parametrize("name", ["Qwen 2.5 Omni", "Qwen 3 Omni"])
def test_qwen_without_a_talker_is_refused_before_it_generates(name, tiny_pipeline):
    model = CASES[name].build()
    model.disable_talker()
    with pytest.raises(ValueError, match=r"has no talker.*enable_talker\(\)"):
        with_super_resolution(model, tiny_pipeline).generate()


def test_video_without_audio_is_refused(tiny_pipeline):
    with pytest.raises(ValueError, match="LTX2HDRPipeline returns video without audio"):
        with_super_resolution(object.__new__(LTX2HDRPipeline), tiny_pipeline)


def test_a_rate_that_a_class_contradicts_is_refused_before_it_generates(tiny_pipeline):
    with pytest.raises(ValueError, match="LTX2Pipeline generates audio at 24000 Hz, but sampling_rate=16000"):
        with_super_resolution(CASES["LTX-2"].build(), tiny_pipeline, sampling_rate=16_000)
    wrapped = with_super_resolution(CASES["SpeechT5"].build(), tiny_pipeline, sampling_rate=24_000)
    with pytest.raises(ValueError, match="generates audio at 16000 Hz, but sampling_rate=24000"):
        CASES["SpeechT5"].call(wrapped)


def test_models_that_generate_codes_are_told_where_they_become_audio(tiny_pipeline):
    model, _ = build_dia()
    with pytest.raises(ValueError, match="DiaForConditionalGeneration generates codes.*processor(.|\n)*batch_decode"):
        with_super_resolution(model, tiny_pipeline, sampling_rate=44_100)
    model, processor = build_pocket_tts()
    with pytest.raises(ValueError, match=r"generates latents(.|\n)*return_dict_in_generate=True") as error:
        with_super_resolution(model, tiny_pipeline)
    # As it says.
    ids = torch.tensor([[5, 6, 7, 31], [5, 6, 8, 31]])
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "max_new_tokens": 2}
    inputs["frames_after_eos"] = torch.tensor([2, 2])
    lines = [line.strip() for line in str(error.value).splitlines() if " = " in line]
    names = {
        "processor": processor,
        "audiosr": tiny_pipeline,
        "model": model,
        "inputs": inputs,
        "with_super_resolution": with_super_resolution,
    }
    exec("\n".join(lines), names)
    assert len(names["audio"]) == 2 and names["audio"].sampling_rate == 48_000


def test_a_processor_does_not_write_at_its_own_rate(tiny_pipeline):
    wrapped = with_super_resolution(CASES["Dia, its processor"].build(), tiny_pipeline)
    with pytest.raises(AttributeError, match="save_audio of DiaProcessor writes at the generator's own rate"):
        wrapped.save_audio([AUDIO], "speech.wav")


def test_arguments_that_are_not_accepted(tiny_pipeline):
    with pytest.raises(ValueError, match='on_error="ignore"; accepted are raise, return_original'):
        with_super_resolution(print, tiny_pipeline, on_error="ignore")
    with pytest.raises(ValueError, match="output_type, steps can't be set; accepted are .*num_inference_steps"):
        with_super_resolution(print, tiny_pipeline, steps=3, output_type="pt")
    with pytest.raises(ValueError, match="audiosr is a str; accepted is an AudioSRPipeline"):
        with_super_resolution(print, "audiosr-mini")
    with pytest.raises(ValueError, match="AudioLDMPipeline is a class; accepted is an object of it"):
        with_super_resolution(AudioLDMPipeline, tiny_pipeline)
    with pytest.raises(ValueError, match="print is behind super-resolution already; pass the generator itself"):
        with_super_resolution(with_super_resolution(print, tiny_pipeline), tiny_pipeline, sampling_rate=48_000)


def failing_pipeline():
    pipe = build_tiny_pipeline()

    def fail(*args, **kwargs):
        raise torch.OutOfMemoryError("no memory left")

    pipe.vocoder.forward = fail
    return pipe


def test_a_failure_of_the_upscaler_is_raised_with_what_was_generated():
    with pytest.raises(torch.OutOfMemoryError, match="no memory left") as error:
        CASES["AudioLDM"].call(with_super_resolution(build_audioldm(), failing_pipeline()))
    assert error.value.output.audios.shape == (2, 4_800)


def test_what_is_no_audio_can_be_returned_as_it_is(tiny_pipeline):
    """Minutes of video are worth more than an error."""
    video = SimpleNamespace(frames=[1, 2], audio=None)
    with pytest.raises(ValueError, match="what <lambda> returned can't be used") as error:
        with_super_resolution(lambda: video, tiny_pipeline, sampling_rate=16_000)()
    assert error.value.output is video
    for output in (video, "a file", None):
        wrapped = with_super_resolution(
            lambda output=output: output, tiny_pipeline, sampling_rate=16_000, on_error="return_original"
        )
        with pytest.warns(UserWarning, match="returned as it is, not at 48 kHz"):
            assert wrapped() is output
    assert video.reports[0].action == "failed"


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

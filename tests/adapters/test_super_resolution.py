"""Prompt to 48 kHz: what comes back is what the generator returns, in its type, with a new band above its own."""

import functools
import inspect

import numpy as np
import pytest
import torch

from audiosr_pipeline.adapters import read_output, with_super_resolution
from audiosr_pipeline.adapters.adapter import Call
from audiosr_pipeline.adapters.find import find_adapter
from audiosr_pipeline.dsp.resample import resample, resampled_length
from tests.adapters.cases import CASES, TOKENS, text_to_audio
from tests.adapters.tiny import build_audioldm, build_musicgen, build_stable_audio, rms
from tests.conftest import build_tiny_pipeline
from tests.pipelines.stubs import WhiteNoise, error_below_db, seeded
from tests.signals import noise


@pytest.fixture(scope="module")
def audiosr():
    """A pipeline that makes a new band loud enough to be found."""
    pipe = build_tiny_pipeline(default_num_inference_steps=1)
    pipe.vocoder = WhiteNoise()
    return pipe


def extra(out, name):
    """One of the three things that come beside the audio."""
    return out[name] if type(out) is dict else getattr(out, name)


def clips_in(audio, out) -> list[np.ndarray]:
    """A batch's clips as arrays; of a text-to-audio dict, or of a generator that has no batches, its one clip."""
    if isinstance(audio, list):
        return [np.asarray(clip) for clip in audio if clip is not None]
    array = np.asarray(audio.detach() if isinstance(audio, torch.Tensor) else audio)
    is_one = (type(out) is dict and "audio" in out) or hasattr(out, "sound") or array.ndim == 1
    return [array] if is_one else list(array)


@functools.cache
def generate(name):
    """A generator, and what it returns by itself."""
    case = CASES[name]
    generator = case.build()
    # With what transformers 5 lacks for some pipelines.
    with torch.random.fork_rng(), find_adapter(generator).around(Call()):
        if case.takes_generator:
            return generator, case.call(generator, generator=seeded(0))
        # As the adapter seeds it.
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=seeded(0))))
        return generator, case.call(generator)


@pytest.mark.parametrize("name", CASES)
def test_a_generator_is_taken_to_48_khz(name, audiosr):
    case = CASES[name]
    generator, before = generate(name)
    # Random networks fill their whole band, and that of 44.1 kHz counts as full.
    wrapped = with_super_resolution(generator, audiosr, on_full_band="run")
    out = case.call(wrapped, generator=seeded(0))

    # The generator's own type, but for what lets a tuple or a list carry attributes.
    assert isinstance(out, type(before)) and isinstance(case.audio(out), type(case.audio(before)))
    if isinstance(out, list) and type(out[0]) is dict:
        # Each dict of text-to-audio has its own.
        assert all(item["sampling_rate"] == 48_000 for item in out)
        originals, reports = [item["original"] for item in out], [item["reports"][0] for item in out]
    else:
        assert extra(out, "sampling_rate") == 48_000
        originals, reports = clips_in(extra(out, "original"), out), extra(out, "reports")

    clips = clips_in(case.audio(before), before)
    audios = clips_in(case.audio(out), out)
    lengths = case.lengths(before) if case.lengths else [clip.shape[-1] for clip in clips]
    reports = [report for report in reports if report is not None]
    # Lengths that it tells are those of the new audio.
    if case.lengths and not name.startswith("FastSpeech"):
        told = [resampled_length(length, case.sampling_rate, 48_000) for length in lengths]
        assert list(case.lengths(out)) == told and type(case.lengths(out)) is type(lengths)
    for clip, length, audio, original, report in zip(clips, lengths, audios, originals, reports, strict=True):
        assert rms(clip) > 0.005
        length = round(report.duration_s * case.sampling_rate) if name.startswith("text-to-audio, a batch") else length
        num_samples = resampled_length(length, case.sampling_rate, 48_000)
        assert not audio[..., num_samples:].any() and not original[..., num_samples:].any()
        audio, original = (np.atleast_2d(padded)[:, :num_samples] for padded in (audio, original))
        own = resample(np.atleast_2d(clip)[:, :length], case.sampling_rate, 48_000)
        np.testing.assert_array_equal(original, own)
        assert audio.shape == own.shape and audio.dtype == np.float32 and np.isfinite(audio).all()
        assert (report.action, report.sampling_rate) == ("enhanced", case.sampling_rate)
        assert error_below_db(audio, own, report.bandwidth - 250) < -50
        # What is enhanced at 48 kHz has its own band up to the top.
        assert case.sampling_rate == 48_000 or rms(audio - own) > 0.01 * rms(own)


@pytest.mark.parametrize("name", CASES)
def test_any_output_becomes_clips_of_true_length(name, tiny_pipeline):
    case = CASES[name]
    generator, out = generate(name)
    clips, sampling_rate = read_output(generator, out, case.read_rate)
    assert sampling_rate == case.sampling_rate
    expected = clips_in(case.audio(out), out)
    lengths = case.lengths(out) if case.lengths else [None] * len(clips)
    for clip, padded, length in zip(clips, expected, lengths, strict=True):
        assert rms(clip) > 0.005
        np.testing.assert_array_equal(clip, padded[..., :length])


def test_several_texts_give_a_list_of_dicts(audiosr):
    case = CASES["text-to-audio"]
    out = text_to_audio(with_super_resolution(case.build(), audiosr), ["rain", "wind"])
    assert [sorted(item) for item in out] == [["audio", "original", "reports", "sampling_rate"]] * 2
    assert all(item["sampling_rate"] == 48_000 and rms(item["audio"]) > 0.005 for item in out)


@pytest.mark.parametrize("sampling_rate", [16_000, 22_050, 24_000, 32_000])
def test_no_audio_up_to_32_khz_counts_as_full_band(sampling_rate, audiosr):
    white = noise(0.5, sampling_rate)
    out = with_super_resolution(lambda: (white, sampling_rate), audiosr)()
    assert out.reports[0].action == "enhanced"


def test_stable_audio_beyond_full_scale_keeps_its_level(audiosr):
    generator = build_stable_audio()
    # The decoder ends in a convolution without a bias, of this gain.
    generator.vae.decoder.conv2.weight_g.data.mul_(4)
    out = CASES["Stable Audio"].call(with_super_resolution(generator, audiosr, on_full_band="run"), generator=seeded())
    assert out.original.abs().max() > 2 and out.audios.abs().max() > 2
    # The untrained model's new band adds 0.03 dB; clipped to 1, it would lose several.
    assert out.reports[0].level_change_db == pytest.approx(0, abs=0.2)
    assert error_below_db(out.audios[0].numpy(), out.original[0].numpy(), out.reports[0].bandwidth - 250) < -50


@pytest.mark.parametrize("level", [1e-5, 1e-9, 0])
def test_what_is_nearly_silent_passes_through(level, tiny_pipeline):
    quiet = level * noise(0.5, 16_000)
    out = with_super_resolution(lambda: (quiet, 16_000), tiny_pipeline)()
    audio, _ = out
    assert audio.shape == (1, 24_000) and np.isfinite(audio).all()
    # Random networks add to it, but no more than 6 dB over white noise: of 24 kHz, 7.6 are its own.
    assert rms(audio) <= 3.1 * rms(quiet)
    assert error_below_db(audio, out.original, 7_000) < -50 or not level


def test_one_generator_seeds_both(tiny_pipeline):
    wrapped = with_super_resolution(build_audioldm(), tiny_pipeline)
    call = CASES["AudioLDM"].call
    first, again, other = (call(wrapped, generator=seeded(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.audios, again.audios)
    assert rms(first.original - other.original) > 0.1 * rms(first.original)
    assert {report.seed for report in first.reports}.isdisjoint({report.seed for report in other.reports})
    # The report's seed gives the upscaler's part again.
    clips, sampling_rate = read_output(wrapped.generator, call(wrapped.generator, generator=seeded(0)))
    alone = tiny_pipeline(clips[0], sampling_rate, generator=seeded(first.reports[0].seed))
    # As in a batch of another size: rounding errors differ.
    np.testing.assert_allclose(first.audios[0], alone.audios[0], atol=1e-4)


def test_a_list_of_generators_seeds_each_clip(tiny_pipeline):
    wrapped = with_super_resolution(build_audioldm(), tiny_pipeline)
    call = CASES["AudioLDM"].call
    first = call(wrapped, generator=[seeded(0), seeded(1)])
    second = call(wrapped, generator=[seeded(0), seeded(2)])
    assert first.reports[0].seed == second.reports[0].seed and first.reports[1].seed != second.reports[1].seed
    with pytest.raises(ValueError, match="generator is a list, but MusicgenForConditionalGeneration draws from torch"):
        CASES["MusicGen"].call(with_super_resolution(build_musicgen(), tiny_pipeline), generator=[seeded(0), seeded(1)])


def test_a_generator_that_takes_none_is_seeded_too_and_the_global_state_left_alone(tiny_pipeline):
    wrapped = with_super_resolution(build_musicgen(), tiny_pipeline)
    state = torch.get_rng_state()
    first, again, other = (wrapped.generate(**TOKENS, do_sample=True, generator=seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, again)
    assert rms(first.original - other.original) > 0.1 * rms(first.original)


def test_everything_else_is_the_generators_own(tiny_pipeline):
    generator = build_audioldm()
    wrapped = with_super_resolution(generator, tiny_pipeline)
    assert wrapped.vocoder is generator.vocoder
    assert inspect.signature(wrapped) == inspect.signature(generator)
    wrapped.scheduler = type(generator.scheduler).from_config(generator.scheduler.config, clip_sample=False)
    assert generator.scheduler.config.clip_sample is False
    # Not the generator, which would be without super-resolution from there on.
    assert wrapped.to(torch.float32) is wrapped
    assert not hasattr(wrapped, "no_such_thing")


def test_rates_that_users_save_with_are_those_of_the_audio(tiny_pipeline):
    wrapped = with_super_resolution(CASES["text-to-audio"].build(), tiny_pipeline)
    assert wrapped.sampling_rate == wrapped.sample_rate == 48_000


def test_calling_a_model_whose_audio_comes_from_generate_is_left_alone(tiny_pipeline):
    model = build_musicgen()
    codes = torch.zeros(4, 3, dtype=torch.long)
    arguments = {"input_ids": TOKENS["input_ids"][:1], "decoder_input_ids": codes}
    wrapped = with_super_resolution(model, tiny_pipeline)
    assert torch.equal(wrapped(**arguments).logits, model(**arguments).logits)


def test_settings_are_the_upscalers(tiny_pipeline):
    wrapped = with_super_resolution(lambda: (noise(0.2, 16_000), 16_000), tiny_pipeline, num_inference_steps=3)
    assert wrapped().reports[0].settings["num_inference_steps"] == 3


@pytest.mark.parametrize("level", [1e-3, 0.1])
def test_integers_come_back_as_floats_of_their_level(level, tiny_pipeline):
    """As ming024's FastSpeech2 gives them: a list of 16-bit arrays, and no rate."""
    sentences = [(level * 32_768 * noise(seconds, 22_050)[0]).astype(np.int16) for seconds in (0.2, 0.3)]
    out = with_super_resolution(lambda texts: sentences, tiny_pipeline, sampling_rate=22_050)(["a", "b"])
    assert isinstance(out, list) and [len(audio) for audio in out] == [9_600, 14_400]
    for audio, original, sentence in zip(out, out.original, sentences, strict=True):
        assert audio.dtype == np.float32
        # White noise: the resampler's transition takes the last 6 % of its band, 3 % of the level.
        assert rms(original) == pytest.approx(rms(sentence / 32_768), rel=0.05)
        assert error_below_db(audio, original, 9_000) < -50


@pytest.mark.parametrize(
    "wrap",
    [
        lambda audio: (audio, 16_000),
        lambda audio: (torch.from_numpy(audio), 16_000),
        lambda audio: ([audio[0], audio[0, :2_000]], 16_000),
        lambda audio: {"audio": audio, "sampling_rate": 16_000},
        lambda audio: {"audio": audio[0], "sampling_rate": 16_000},
    ],
    ids=["array", "tensor", "list", "dict", "dict of one channel"],
)
def test_a_function_may_return_audio_in_many_forms(wrap, tiny_pipeline):
    audio = noise(0.25, 16_000)
    out = with_super_resolution(lambda: wrap(audio), tiny_pipeline)()
    new, rate = (out["audio"], out["sampling_rate"]) if isinstance(out, dict) else out
    form = wrap(audio)["audio"] if isinstance(out, dict) else wrap(audio)[0]
    assert rate == 48_000 and type(new) is type(form)
    assert np.shape(new[0]) == np.shape(extra(out, "original")[0]) and len(new) in (1, 2, 12_000)

"""The real audiocraft, with the tiny random models that it builds for its own tests."""

import importlib.util
import runpy
from pathlib import Path

import pytest
import soundfile
import torch
from torch import nn

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.adapters import read_output, with_super_resolution
from audiosr_pipeline.adapters.find import find_adapter
from audiosr_pipeline.dsp.resample import resample
from tests.adapters import audiocraft_shim
from tests.adapters.tiny import rms
from tests.pipelines.stubs import error_below_db, seeded

if importlib.util.find_spec("audiocraft") is None:
    reason = "audiocraft can't be installed beside this project's versions; `make test-audiocraft` has it"
    pytest.skip(reason, allow_module_level=True)

audiocraft_shim.install()
from audiocraft.models import AudioGen, MusicGen  # noqa: E402

EXAMPLE = Path(__file__).parents[2] / "examples/audiogen.py"
PROMPTS = ["rain on a tin roof", "wind"]


@pytest.fixture(scope="module", params=[(MusicGen, 32_000), (AudioGen, 16_000)], ids=["MusicGen", "AudioGen"])
def model_and_rate(request):
    cls, sampling_rate = request.param
    torch.manual_seed(0)
    model = cls.get_pretrained("debug", device="cpu")
    model.set_generation_params(duration=0.4)
    return model, sampling_rate


@pytest.fixture
def model(model_and_rate):
    return model_and_rate[0]


def test_prompts_to_48_khz(model_and_rate, tiny_pipeline):
    model, sampling_rate = model_and_rate
    # Its debug model's output is faint, but more than a constant.
    before = model.generate(PROMPTS)
    assert before.shape == (2, 1, 0.4 * sampling_rate) and (before - before.mean(-1, keepdim=True)).std() > 1e-4
    out = with_super_resolution(model, tiny_pipeline).generate(PROMPTS, generator=seeded(0))
    assert type(out) is torch.Tensor and out.shape == out.original.shape == (2, 1, 19_200)
    assert out.sampling_rate == 48_000
    for audio, original, report in zip(out.numpy(), out.original.numpy(), out.reports, strict=True):
        assert (report.action, report.sampling_rate) == ("enhanced", sampling_rate)
        assert error_below_db(audio, original, report.bandwidth - 250) < -50
        assert rms(audio - original) > 0


def test_each_way_of_generating(model, tiny_pipeline):
    wrapped = with_super_resolution(model, tiny_pipeline)
    audio, tokens = wrapped.generate(PROMPTS, return_tokens=True)
    assert audio.shape == (2, 1, 19_200) and tokens.shape == (2, 4, 10)
    assert wrapped.generate_unconditional(1).shape == (1, 1, 19_200)
    assert wrapped.generate_audio(tokens).shape == (2, 1, 19_200)
    prompt = torch.zeros(1, 1, model.sample_rate // 5)
    assert wrapped.generate_continuation(prompt, model.sample_rate, ["rain"]).shape == (1, 1, 19_200)


def test_the_original_is_what_the_model_generates(model, tiny_pipeline):
    wrapped = with_super_resolution(model, tiny_pipeline)
    state = torch.get_rng_state()
    first, second, other = (wrapped.generate(PROMPTS, generator=seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, second) and not torch.equal(first.original, other.original)
    # The first number drawn from a generator seeds the model.
    torch.manual_seed(int(torch.randint(2**31, (1,), generator=seeded(0))))
    clips, sampling_rate = read_output(model, model.generate(PROMPTS))
    assert sampling_rate == model.sample_rate
    assert (first.original[0].numpy() == resample(clips[0], sampling_rate, 48_000)).all()


def test_the_rate_that_users_save_with_is_that_of_the_audio(model, tiny_pipeline):
    assert with_super_resolution(model, tiny_pipeline).sample_rate == 48_000


def test_a_hidden_t5_leaves_the_accelerator_too(model):
    conditioner = next(iter(model.lm.condition_provider.conditioners.values()))
    t5 = nn.Linear(1, 1)
    # As `T5Conditioner` keeps it.
    vars(conditioner)["t5"] = t5
    try:
        assert find_adapter(model).networks() == [model.lm, model.compression_model, t5]
        assert t5 not in list(model.lm.modules())
    finally:
        del vars(conditioner)["t5"]


def test_the_example(monkeypatch, tmp_path, tiny_pipeline):
    torch.manual_seed(0)
    model = AudioGen.get_pretrained("debug", device="cpu")
    monkeypatch.setattr(AudioGen, "get_pretrained", lambda name: model)
    monkeypatch.setattr(AudioSRPipeline, "from_pretrained", lambda name: tiny_pipeline)
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLE))
    files = {path.name: soundfile.read(path) for path in tmp_path.iterdir()}
    assert sorted(files) == ["sound_0.wav", "sound_1.wav"]
    for audio, sampling_rate in files.values():
        # The debug model's output is faint, but more than a constant.
        assert sampling_rate == 48_000 and audio.shape == (240_000,) and audio.std() > 1e-4

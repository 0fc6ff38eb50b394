"""Saving and loading, by every way that diffusers has."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, EulerDiscreteScheduler

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.models.vocoder import ISTFTVocoder
from audiosr_pipeline.pipelines import loading
from tests.conftest import build_tiny_pipeline
from tests.pipelines.official_classes import build_official_pipeline
from tests.pipelines.stubs import assert_same, new_band
from tests.signals import noise

AUDIO = noise(0.5, 16_000)[0]
KINDS = {"mini": build_tiny_pipeline, "official": build_official_pipeline}
NETWORKS = ("vae", "unet", "vocoder")
CONSTANT_PATHS = {
    "feature_extractor": ["audiosr_pipeline.models.feature_extractor", "MelFeatureExtractor"],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "unet": ["audioldm2", "AudioLDM2UNet2DConditionModel"],
}
PATHS = {
    "mini": {
        "vae": ["diffusers", "AutoencoderDC"],
        "vocoder": ["audiosr_pipeline.models.vocoder", "ISTFTVocoder"],
        "envelope_predictor": ["audiosr_pipeline.models.envelope_predictor", "EnvelopePredictor"],
    },
    "official": {
        "vae": ["diffusers", "AutoencoderKL"],
        "vocoder": ["transformers", "SpeechT5HifiGan"],
        "envelope_predictor": [None, None],
    },
}

only_mini = pytest.mark.parametrize("kind", ["mini"], indirect=True)


@pytest.fixture(scope="module", params=KINDS)
def kind(request) -> str:
    """Which classes the pipeline is made of."""
    return request.param


@pytest.fixture(scope="module")
def pipeline(kind) -> AudioSRPipeline:
    return KINDS[kind]()


@pytest.fixture(scope="module")
def expected(pipeline) -> np.ndarray:
    return new_band(pipeline)


@pytest.fixture(scope="module")
def folder(pipeline, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny"
    pipeline.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def fp16_folder(kind, tmp_path_factory) -> Path:
    """Its weights were rounded to half precision and are saved as a variant alone."""
    path = tmp_path_factory.mktemp("models") / "half"
    KINDS[kind]().to(torch.float16).save_pretrained(path, variant="fp16")
    return path


def assert_alike(generated: np.ndarray, expected: np.ndarray) -> None:
    """The same but for rounding to 8 bits (bfloat16), of which 0.999 is left; other noise would correlate with 0."""
    assert np.corrcoef(generated[0], expected[0])[0, 1] > 0.99


def test_saved_and_loaded_it_gives_the_same_audio(pipeline, folder, expected):
    for path in (folder, str(folder)):
        pipe = AudioSRPipeline.from_pretrained(path)
        assert_same(new_band(pipe), expected)
        for name in NETWORKS:
            saved, loaded = (getattr(either, name).state_dict() for either in (pipeline, pipe))
            assert saved.keys() == loaded.keys()
            assert all(torch.equal(saved[key], loaded[key]) for key in saved)
    assert pipe.parameters == pipeline.parameters
    assert pipe.config.window_s == 1.28
    assert pipe(AUDIO, 16_000).reports[0].model == "tiny"


def test_components_are_found_by_their_permanent_paths(folder, kind):
    index = json.loads((folder / "model_index.json").read_text())
    assert index["_class_name"] == "AudioSRPipeline"
    assert {name: path for name, path in index.items() if isinstance(path, list)} == CONSTANT_PATHS | PATHS[kind]


def test_plain_diffusers_returns_this_class(folder, expected):
    pipe = DiffusionPipeline.from_pretrained(str(folder), custom_pipeline=str(folder), trust_remote_code=True)
    assert type(pipe) is AudioSRPipeline
    assert_same(new_band(pipe), expected)


def test_plain_diffusers_runs_no_code_that_is_not_trusted(folder):
    with pytest.raises(ValueError, match="trust_remote_code"):
        DiffusionPipeline.from_pretrained(str(folder), custom_pipeline=str(folder))


IN_A_FRESH_PROCESS = """
import sys
import numpy as np, torch
from diffusers import DiffusionPipeline

folder, audio, result = sys.argv[1:]
pipe = DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True)
assert type(pipe).__module__ == "audiosr_pipeline.pipelines.audiosr", type(pipe)
pipe.set_progress_bar_config(disable=True)
generator = torch.Generator().manual_seed(0)
np.save(result, pipe(audio=np.load(audio), sampling_rate=16_000, generator=generator).generated)
"""


@only_mini
def test_plain_diffusers_finds_the_class_in_a_fresh_process(folder, expected, tmp_path):
    """Nothing of this package is imported there by hand."""
    np.save(tmp_path / "audio.npy", AUDIO)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    arguments = [folder, tmp_path / "audio.npy", tmp_path / "result.npy"]
    process = subprocess.run(
        [sys.executable, "-c", IN_A_FRESH_PROCESS, *arguments],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    assert_same(np.load(tmp_path / "result.npy"), expected)


def test_a_pipeline_is_built_from_anothers_components(pipeline, expected):
    pipe = AudioSRPipeline(**pipeline.components)
    assert pipe.components.keys() == pipeline.components.keys()
    # Its settings are the constructor's defaults, but what the networks need comes with them.
    assert (pipe.config.default_num_inference_steps, pipe.config.default_guidance_scale) == (50, 3.5)
    assert pipe.config.default_eta == 1.0 and pipe.config.window_s == 10.24
    assert pipe.vae_scale_factor == pipeline.vae_scale_factor
    pipe = AudioSRPipeline(**pipeline.components, **pipeline.parameters)
    assert_same(new_band(pipe), expected)


def test_from_pipe_shares_the_networks_and_keeps_the_settings(folder, expected):
    loaded = AudioSRPipeline.from_pretrained(folder)
    pipe = AudioSRPipeline.from_pipe(loaded)
    assert all(getattr(pipe, name) is getattr(loaded, name) for name in NETWORKS)
    assert pipe.parameters == loaded.parameters and pipe.grid == loaded.grid
    assert_same(new_band(pipe), expected)
    assert pipe(AUDIO, 16_000).reports[0].model == "tiny"
    other = AudioSRPipeline.from_pipe(loaded, window_s=2.56, default_num_inference_steps=1)
    assert other.parameters == loaded.parameters | {"window_s": 2.56, "default_num_inference_steps": 1}
    # But for the margins.
    assert other.grid.window_frames - 2 == 2 * (loaded.grid.window_frames - 2)


@only_mini
def test_from_pipe_keeps_half_precision_if_told_to(folder):
    """Without `dtype` diffusers casts the networks, which both pipelines share, to single precision."""
    loaded = AudioSRPipeline.from_pretrained(folder, dtype=torch.bfloat16)
    pipe = AudioSRPipeline.from_pipe(loaded, dtype=torch.bfloat16)
    assert {getattr(pipe, name).dtype for name in NETWORKS} == {torch.bfloat16}


def test_components_and_settings_are_replaced_while_loading(folder, pipeline):
    scheduler = EulerDiscreteScheduler.from_config(pipeline.scheduler.config)
    given = {"vocoder": pipeline.vocoder, "scheduler": scheduler, "window_s": 2.56}
    pipe = AudioSRPipeline.from_pretrained(folder, **given, default_num_inference_steps=1)
    assert pipe.vocoder is pipeline.vocoder and pipe.scheduler is scheduler
    assert (pipe.config.window_s, pipe.config.default_num_inference_steps) == (2.56, 1)


@only_mini
def test_a_scheduler_that_was_swapped_in_is_saved(folder, tmp_path):
    pipe = AudioSRPipeline.from_pretrained(folder)
    pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    pipe.save_pretrained(tmp_path)
    again = AudioSRPipeline.from_pretrained(tmp_path)
    assert type(again.scheduler) is EulerDiscreteScheduler
    assert_same(new_band(again), new_band(pipe))


def test_weights_are_saved_and_loaded_as_a_variant(fp16_folder, kind):
    weights = [path.relative_to(fp16_folder) for path in fp16_folder.rglob("*.safetensors")]
    assert {path.parts[0] for path in weights} == {*NETWORKS, *(["envelope_predictor"] if kind == "mini" else [])}
    assert all(path.name.endswith(".fp16.safetensors") for path in weights)
    pipe = AudioSRPipeline.from_pretrained(fp16_folder, variant="fp16", dtype=torch.float32)
    assert_same(new_band(pipe), new_band(KINDS[kind]().to(torch.float16).to(torch.float32)))


@only_mini
def test_a_variant_that_is_missing_is_refused(folder):
    with pytest.raises(ValueError, match="variant=fp16"):
        AudioSRPipeline.from_pretrained(folder, variant="fp16")


@pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated")
@pytest.mark.parametrize("argument", ["dtype", "torch_dtype"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_networks_give_float32_audio(folder, expected, argument, dtype):
    pipe = AudioSRPipeline.from_pretrained(folder, **{argument: dtype})
    for name in NETWORKS:
        assert {parameter.dtype for parameter in getattr(pipe, name).parameters()} == {dtype}
    generated = new_band(pipe)
    assert generated.dtype == np.float32
    assert_alike(generated, expected)
    out = pipe(torch.from_numpy(AUDIO).to(dtype), 16_000, output_type="pt", guidance_scale=2.0, eta=1.0)
    # The input's own band is not rounded.
    assert out.audios.dtype == torch.float32 and out.reports[0].low_band_error_db < -50


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_one_network_in_half_precision(folder, expected, dtype):
    pipe = AudioSRPipeline.from_pretrained(folder, dtype={"unet": dtype, "default": torch.float32})
    assert {name: getattr(pipe, name).dtype for name in NETWORKS} == {
        "vae": torch.float32,
        "unet": dtype,
        "vocoder": torch.float32,
    }
    generated = new_band(pipe)
    assert generated.dtype == np.float32 and not np.array_equal(generated, expected)
    assert_alike(generated, expected)


def test_to_casts_as_well(kind, expected):
    pipe = KINDS[kind]().to(torch.bfloat16)
    assert pipe.dtype == torch.bfloat16 and pipe.device.type == "cpu"
    generated = new_band(pipe)
    assert generated.dtype == np.float32
    assert_alike(generated, expected)


@pytest.mark.parametrize("device_map", ["cpu", "balanced"])
def test_a_device_map_loads_the_same_networks(folder, expected, device_map):
    """Where there is an accelerator, "balanced" puts networks there, and its results differ by more."""
    pipe = AudioSRPipeline.from_pretrained(folder, device_map=device_map)
    assert_same(new_band(pipe), expected, tolerance=0.05 if torch.accelerator.is_available() else 1e-4)


@pytest.fixture
def bundled(folder, tmp_path, monkeypatch):
    """A package with a model "bundled-model" of seven steps, seen from an empty folder."""
    pipe = AudioSRPipeline.from_pretrained(folder)
    pipe.register_to_config(default_num_inference_steps=7)
    pipe.save_pretrained(tmp_path / "weights" / "bundled-model")
    monkeypatch.setattr(loading, "WEIGHTS", tmp_path / "weights")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")


@only_mini
def test_a_bundled_model_is_loaded_by_its_name(bundled):
    pipe = AudioSRPipeline.from_pretrained("bundled-model")
    assert pipe.config.default_num_inference_steps == 7
    pipe.set_progress_bar_config(disable=True)
    assert pipe(AUDIO, 16_000).reports[0].model == "bundled-model"


@pytest.fixture
def fine_tuned(bundled, tmp_path, monkeypatch):
    """A second model of that package, which has a UNet alone: the state dict that it holds."""
    monkeypatch.setattr(loading, "BASE", "bundled-model")
    unet = AudioSRPipeline.from_pretrained("bundled-model").unet
    with torch.no_grad():
        for parameter in unet.parameters():
            parameter.mul_(1.25)
    unet.save_pretrained(tmp_path / "weights" / "fine-tuned" / "unet")
    return unet.state_dict()


@only_mini
def test_of_a_fine_tuned_model_only_the_unet_is_stored(fine_tuned):
    pipe, base = (AudioSRPipeline.from_pretrained(name) for name in ("fine-tuned", "bundled-model"))
    for name in NETWORKS:
        expected = fine_tuned if name == "unet" else getattr(base, name).state_dict()
        loaded = getattr(pipe, name).state_dict()
        assert all(torch.equal(loaded[key], expected[key]) for key in expected), name
    assert pipe.config.default_num_inference_steps == 7
    pipe.set_progress_bar_config(disable=True)
    assert pipe(AUDIO, 16_000).reports[0].model == "fine-tuned"


@only_mini
def test_a_fine_tuned_model_takes_the_arguments_that_others_do(fine_tuned):
    half = AudioSRPipeline.from_pretrained("fine-tuned", dtype=torch.bfloat16)
    assert all(torch.equal(half.unet.state_dict()[key], value.bfloat16()) for key, value in fine_tuned.items())
    unet = AudioSRPipeline.from_pretrained("bundled-model").unet
    pipe = AudioSRPipeline.from_pretrained("fine-tuned", unet=unet, default_num_inference_steps=1)
    assert pipe.unet is unet and pipe.config.default_num_inference_steps == 1


@only_mini
def test_a_fine_tuned_model_is_saved_whole(fine_tuned, tmp_path):
    AudioSRPipeline.from_pretrained("fine-tuned").save_pretrained(tmp_path / "saved")
    loaded = AudioSRPipeline.from_pretrained(tmp_path / "saved").unet.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in fine_tuned.items())


@only_mini
def test_a_folder_goes_before_a_bundled_model(bundled, folder):
    os.symlink(folder, "bundled-model")
    assert AudioSRPipeline.from_pretrained("bundled-model").config.default_num_inference_steps == 2


@only_mini
def test_other_names_are_asked_of_the_hub(bundled, monkeypatch):
    asked = []

    @classmethod
    def from_pretrained(cls, name, **kwargs):
        asked.append((name, kwargs))
        return SimpleNamespace(components={})

    monkeypatch.setattr(DiffusionPipeline, "from_pretrained", from_pretrained)
    AudioSRPipeline.from_pretrained("someone/some-model", revision="main")
    assert asked == [("someone/some-model", {"revision": "main"})]


def test_call_has_the_public_arguments_in_order():
    names = list(inspect.signature(AudioSRPipeline.__call__).parameters)
    assert names == [
        "self",
        "audio",
        "sampling_rate",
        "num_inference_steps",
        "guidance_scale",
        "eta",
        "cutoff_freq",
        "on_full_band",
        "generator",
        "latents",
        "output_type",
        "return_dict",
        "callback_on_step_end",
        "callback_on_step_end_tensor_inputs",
    ]


@pytest.mark.parametrize(
    ("name", "value"), [("default_eta", 7), ("default_eta", -1), ("window_s", -3), ("window_s", 0)]
)
def test_settings_that_a_call_would_refuse_are_refused_in_a_checkpoint(name, value):
    with pytest.raises(ValueError, match=f"{name}={value}; accepted are"):
        build_tiny_pipeline(**{name: value})


def test_a_vocoder_with_another_hop_is_refused(tiny_pipeline):
    """What it makes would be cut to length, and sound at half the speed."""
    vocoder = ISTFTVocoder(hidden_size=16, intermediate_size=32, num_layers=2, hop_length=960).eval()
    pipe = type(tiny_pipeline)(**{**tiny_pipeline.components, "vocoder": vocoder})
    with pytest.raises(ValueError, match="the vocoder makes .* needed are 480 each"):
        pipe(noise(0.5, 16_000), 16_000)

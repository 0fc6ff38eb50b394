"""The official checkpoint: what becomes of it, what is said about it, and what isn't taken for one."""

import errno
import json
import logging
import os
import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AudioLDM2UNet2DConditionModel, AutoencoderKL, DDIMScheduler
from safetensors.torch import save_file
from torch import Tensor
from transformers import SpeechT5HifiGan

from audiosr_pipeline import AudioSRPipeline, cli
from audiosr_pipeline.convert.components import convert_checkpoint
from tests.official import SCALE_FACTOR, blank_checkpoint
from tests.pipelines.stubs import seeded
from tests.signals import noise

NETWORKS = ("vae", "unet", "vocoder")
UNET, VAE, CONDITION = "model.diffusion_model.", "first_stage_model.", "cond_stage_models.0.vae."


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def tensors(official_checkpoint) -> dict[str, Tensor]:
    """What is in the checkpoint with weights; not to be changed by a test."""
    return torch.load(official_checkpoint, mmap=True)["state_dict"]


def saved(tensors: dict[str, Tensor]) -> str:
    torch.save(tensors, "checkpoint.bin")
    return "checkpoint.bin"


def assert_same_weights(first: dict, second: dict) -> None:
    for part in NETWORKS:
        one, other = first[part].state_dict(), second[part].state_dict()
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


# What becomes of it


@pytest.mark.parametrize(
    ("is_narrow", "widths"),
    [(True, {"unet": 32, "vae": 32, "vocoder": 64}), (False, {"unet": 128, "vae": 128, "vocoder": 1_536})],
)
def test_every_key_finds_its_place(is_narrow, widths):
    checkpoint = blank_checkpoint(is_narrow)
    components, report = convert_checkpoint(saved(checkpoint))
    assert report.widths == widths and report.warnings == ()
    num_parameters = {part: sum(p.numel() for p in components[part].parameters()) for part in NETWORKS}
    if not is_narrow:
        # The sizes of the published model's parts.
        assert num_parameters == {"vae": 223_535_569, "unet": 258_195_088, "vocoder": 190_281_889}
    needed = [tensor.numel() for key, tensor in checkpoint.items() if key.startswith((UNET, VAE))]
    assert sum(num_parameters.values()) == sum(needed)
    # Each key and the scale factor.
    assert report.num_tensors == len(needed) + 1


def test_components_are_configured_as_the_reference_is():
    components, _ = convert_checkpoint(saved(blank_checkpoint(is_narrow=False)))
    vae, unet, vocoder, scheduler = (components[name] for name in (*NETWORKS, "scheduler"))
    classes = (AutoencoderKL, AudioLDM2UNet2DConditionModel, SpeechT5HifiGan, DDIMScheduler)
    assert tuple(map(type, (vae, unet, vocoder, scheduler))) == classes
    expected = {
        vae: {
            "in_channels": 1,
            "out_channels": 1,
            "block_out_channels": [128, 256, 512, 1_024],
            "layers_per_block": 2,
            "latent_channels": 16,
            "norm_num_groups": 32,
            "mid_block_add_attention": True,
            "scaling_factor": SCALE_FACTOR,
            "sample_size": 256,
        },
        unet: {
            "in_channels": 32,
            "out_channels": 16,
            "block_out_channels": [128, 256, 384, 640],
            "down_block_types": ["DownBlock2D"] + 3 * ["CrossAttnDownBlock2D"],
            "up_block_types": 3 * ["CrossAttnUpBlock2D"] + ["UpBlock2D"],
            "layers_per_block": 2,
            "cross_attention_dim": 4 * [[None, None]],
            "attention_head_dim": [4, 8, 12, 20],
            "transformer_layers_per_block": 1,
            "norm_eps": 1e-5,
            "use_linear_projection": False,
        },
        vocoder: {
            "model_in_dim": 256,
            "sampling_rate": 48_000,
            "upsample_initial_channel": 1_536,
            "upsample_rates": [6, 5, 4, 2, 2],
            "upsample_kernel_sizes": [12, 10, 8, 4, 4],
            "resblock_kernel_sizes": [3, 7, 11, 15],
            "resblock_dilation_sizes": 4 * [[1, 3, 5]],
            "leaky_relu_slope": 0.1,
            "normalize_before": False,
        },
        scheduler: {
            "num_train_timesteps": 1_000,
            "beta_schedule": "squaredcos_cap_v2",
            "trained_betas": None,
            "prediction_type": "v_prediction",
            "clip_sample": False,
            "set_alpha_to_one": False,
            "timestep_spacing": "leading",
            "steps_offset": 1,
            "rescale_betas_zero_snr": False,
        },
    }
    for component, fields in expected.items():
        assert {name: getattr(component.config, name) for name in fields} == fields
    assert not any(components[part].training for part in NETWORKS)
    mel = components["feature_extractor"]
    assert (mel.sampling_rate, mel.n_fft, mel.hop_length, mel.n_mels) == (48_000, 2_048, 480, 256)


def test_the_pipeline_runs_with_the_official_settings(official_checkpoint):
    pipe = AudioSRPipeline.from_single_file(official_checkpoint)
    settings = {name: pipe.config[name] for name in pipe.config if name.startswith("default_")}
    assert settings == {"default_num_inference_steps": 50, "default_guidance_scale": 3.5, "default_eta": 1.0}
    assert pipe.config.window_s == 10.24
    pipe.set_progress_bar_config(disable=True)
    out = pipe(noise(0.5, 16_000)[0], 16_000, num_inference_steps=2, generator=seeded())
    assert out.audios.shape == (1, 24_000) and np.isfinite(out.audios).all()
    assert np.abs(out.generated).max() > 0
    assert out.reports[0].model == "pytorch_model.bin"
    assert (out.reports[0].settings["guidance_scale"], out.reports[0].settings["eta"]) == (3.5, 1.0)


@pytest.mark.parametrize("argument", ["dtype", "torch_dtype"])
def test_networks_are_made_in_the_dtype_asked_for(official_checkpoint, argument):
    pipe = AudioSRPipeline.from_single_file(official_checkpoint, **{argument: torch.float16})
    for part in NETWORKS:
        assert {tensor.dtype for tensor in getattr(pipe, part).state_dict().values()} == {torch.float16}


def test_components_and_settings_can_be_replaced():
    scheduler = DDIMScheduler()
    pipe = AudioSRPipeline.from_single_file(saved(blank_checkpoint()), scheduler=scheduler, window_s=5.12)
    assert pipe.scheduler is scheduler and pipe.config.window_s == 5.12


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="read from Linux's list of what is mapped where")
def test_weights_stay_in_the_file(official_checkpoint):
    components, _ = convert_checkpoint(official_checkpoint)
    lines = Path("/proc/self/maps").read_text().splitlines()
    mapped = [line.split()[0].split("-") for line in lines if line.endswith(str(official_checkpoint))]
    ranges = [range(int(start, 16), int(stop, 16)) for start, stop in mapped]
    for part in NETWORKS:
        for parameter in components[part].parameters():
            assert any(parameter.data_ptr() in addresses for addresses in ranges)


@pytest.mark.parametrize("form", ["bare", "safetensors"])
def test_the_form_of_the_file_makes_no_difference(form, official_checkpoint, tensors):
    if form == "bare":
        path = saved(tensors)
    else:
        # Such a file can't hold one tensor under two names.
        path = "model.safetensors"
        save_file({key: tensor for key, tensor in tensors.items() if not key.startswith(CONDITION)}, path)
    components, report = convert_checkpoint(path)
    assert report.num_different_encoder_tensors == {"bare": 0, "safetensors": None}[form]
    assert_same_weights(components, convert_checkpoint(official_checkpoint)[0])


# What is said about it


def test_the_report_lists_what_is_not_used_and_why():
    _, report = convert_checkpoint(saved(blank_checkpoint()))
    assert {group.name: group.num_tensors for group in report.unused} == {
        "logvar": 1,
        "schedule": 3,
        "clap": 1,
        "model_ema": 2,
        "cond_stage_models.0.vae": 506,
    }
    assert all(group.reason for group in report.unused)
    assert report.scale_factor == SCALE_FACTOR
    assert report.num_different_encoder_tensors == 0
    # The reference computes the schedule in double precision, diffusers in single.
    assert 0 < report.schedule_deviation < 1e-6
    assert json.loads(json.dumps(report.to_dict()))["unused"][0]["name"] == "logvar"
    text = str(report)
    assert all(group.name in text and group.reason in text for group in report.unused)
    assert "scale_factor: 0.75" in text and "encoders: two, equal" in text and "warning" not in text


def test_the_encoder_that_the_reference_encodes_the_condition_with_is_used(caplog):
    name = "encoder.mid.attn_1.q.weight"
    checkpoint = blank_checkpoint()
    checkpoint[CONDITION + name] = torch.ones(1).expand(checkpoint[VAE + name].shape)
    with caplog.at_level(logging.WARNING):
        pipe = AudioSRPipeline.from_single_file(saved(checkpoint))
    assert "1 of 110 tensors of the condition's encoder differ" in caplog.text
    assert (pipe.vae.encoder.mid_block.attentions[0].to_q.weight == 1).all()
    assert (pipe.vae.decoder.mid_block.attentions[0].to_q.weight == 0).all()
    _, report = convert_checkpoint("checkpoint.bin")
    assert report.num_different_encoder_tensors == 1 and len(report.warnings) == 1
    assert {group.name: group.num_tensors for group in report.unused}["first_stage_model.encoder"] == 110


def test_a_stored_schedule_goes_before_the_formula():
    checkpoint = blank_checkpoint()
    stored = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1_000, dtype=torch.float64), 0).float()
    components, report = convert_checkpoint(saved({**checkpoint, "alphas_cumprod": stored}))
    assert report.schedule_deviation > 0.1 and "alphas_cumprod differs" in report.warnings[0]
    # From the schedule to its steps and back, in single precision.
    assert torch.allclose(components["scheduler"].alphas_cumprod, stored, rtol=1e-4)
    assert components["scheduler"].config.prediction_type == "v_prediction"


def test_what_is_unknown_is_named():
    _, report = convert_checkpoint(saved({**blank_checkpoint(), "discriminator.weight": torch.zeros(3)}))
    assert report.unused[-1].name == "discriminator" and report.unused[-1].num_bytes == 12
    assert "discriminator" in report.warnings[0]


# What isn't taken for one


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.bool, torch.float8_e4m3fn, torch.complex64])
@pytest.mark.parametrize("key", [f"{UNET}out.2.weight", f"{CONDITION}encoder.conv_in.weight", "scale_factor"])
def test_tensors_that_are_no_floats_are_refused_by_name(dtype, key):
    checkpoint = blank_checkpoint(is_narrow=True)
    checkpoint[key] = torch.ones(checkpoint[key].shape).to(dtype)
    name = str(dtype).removeprefix("torch.")
    with pytest.raises(ValueError, match=rf"{re.escape(key)} is {name}.*float16, bfloat16, float32, float64"):
        convert_checkpoint(saved(checkpoint))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floats_of_other_precisions_are_taken(dtype):
    components, _ = convert_checkpoint(saved({k: v.to(dtype) for k, v in blank_checkpoint(is_narrow=True).items()}))
    assert components["unet"].dtype == torch.float32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({f"{UNET}out.2.bias": None}, "don't fit (1): model.diffusion_model.out.2.bias is missing. "),
        ({f"{UNET}extra.weight": (3,)}, "don't fit (1): model.diffusion_model.extra.weight is unknown. "),
        ({f"{VAE}loss.logvar": ()}, "don't fit (1): first_stage_model.loss.logvar is unknown. "),
        (
            {f"{VAE}vocoder.conv_post.weight": (1, 2, 9)},
            "first_stage_model.vocoder.conv_post.weight has shape (1, 2, 9) instead of (1, 2, 7)",
        ),
        # As many numbers, and a matrix in diffusers' class, but not what the official file has.
        ({f"{VAE}encoder.mid.attn_1.q.weight": (256, 256)}, "has shape (256, 256) instead of (256, 256, 1, 1)"),
        ({f"{CONDITION}quant_conv.bias": None}, "cond_stage_models.0.vae.quant_conv.bias is missing"),
        ({f"{UNET}input_blocks.0.0.weight": (48, 32, 3, 3)}, "input_blocks.0.0.weight has shape (48, 32, 3, 3); "),
        ({f"{VAE}vocoder.conv_pre.weight": None}, "first_stage_model.vocoder.conv_pre.weight is missing; "),
        ({"scale_factor": (16,)}, "scale_factor is [0.0, "),
        ({"scale_factor": ()}, "scale_factor is 0.0; "),
        ({"alphas_cumprod": (500,)}, "alphas_cumprod has shape (500,) instead of (1000,)"),
        ({"alphas_cumprod": (1_000,)}, "alphas_cumprod is no noise schedule"),
    ],
)
def test_a_key_that_does_not_fit_is_named(changes, message):
    checkpoint = blank_checkpoint()
    for key, shape in changes.items():
        checkpoint.pop(key, None)
        if shape is not None:
            checkpoint[key] = torch.zeros(()).expand(shape)
    with pytest.raises(ValueError) as error:
        convert_checkpoint(saved(checkpoint))
    assert message in str(error.value)
    assert str(error.value).startswith("checkpoint.bin: ")


class Code:
    """Makes a file when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("executed",)


def make_code() -> str:
    return saved({**blank_checkpoint(), "code": Code()})


def make_bare_pickle() -> str:
    Path("bare.bin").write_bytes(pickle.dumps(Code()))
    return "bare.bin"


def make_truncated() -> str:
    path = Path(saved(blank_checkpoint()))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return str(path)


def make_truncated_safetensors() -> str:
    save_file({"a": torch.zeros(1_000)}, "a.safetensors")
    Path("a.safetensors").write_bytes(Path("a.safetensors").read_bytes()[:-1])
    return "a.safetensors"


def make_damaged() -> str:
    """A whole archive whose list of tensors is cut off."""
    path = Path(saved({"a": torch.zeros(1)}))
    content = path.read_bytes()
    start = content.index(b"\x80\x02")
    path.write_bytes(content[:start] + bytes(40) + content[start + 40 :])
    return str(path)


def make_changed_bytes() -> str:
    """A whole archive in which a bit of one tensor has changed."""
    path = Path(saved({"a": torch.full((1_000,), 3.0)}))
    content = bytearray(path.read_bytes())
    content[content.index(torch.full((1_000,), 3.0).numpy().tobytes()) + 2_000] ^= 1
    path.write_bytes(content)
    return str(path)


def make_sparse() -> str:
    key = f"{UNET}time_embed.0.weight"
    checkpoint = blank_checkpoint()
    return saved({**checkpoint, key: torch.eye(*checkpoint[key].shape).to_sparse()})


def make_meta() -> str:
    key = f"{UNET}time_embed.0.weight"
    checkpoint = blank_checkpoint()
    return saved({**checkpoint, key: checkpoint[key].to("meta")})


def make_other_model() -> str:
    keys = ["model.diffusion_model.out.2.bias", "first_stage_model.encoder.conv_in.bias"]
    clip = [f"cond_stage_model.transformer.{index}" for index in range(3)]
    return saved({key: torch.zeros(1) for key in keys + clip})


def make_speech_of_another_shape() -> str:
    """Half the mel bins and half the latent channels."""
    changed = {
        f"{UNET}input_blocks.0.0.weight": (32, 16, 3, 3),
        f"{VAE}vocoder.conv_pre.weight": (64, 128, 7),
    }
    return saved({**blank_checkpoint(), **{key: torch.zeros(()).expand(shape) for key, shape in changed.items()}})


def make_list() -> str:
    return saved([torch.zeros(1)])


def make_text() -> str:
    Path("page.bin").write_text("<!DOCTYPE html><html>Not found</html>")
    return "page.bin"


def make_empty() -> str:
    Path("empty.bin").touch()
    return "empty.bin"


def make_folder() -> str:
    Path("models").mkdir()
    return "models"


def make_pipeline_folder() -> str:
    Path("models").mkdir()
    Path("models/model_index.json").write_text("{}")
    return "models"


@pytest.mark.parametrize(
    ("make", "messages"),
    [
        (make_code, ["holds code or objects", f"{os.name}.mkdir)", "Nothing of it was run"]),
        (make_bare_pickle, ["is no checkpoint, it begins with b'", "files of torch.save"]),
        (make_truncated, ["is truncated"]),
        (make_truncated_safetensors, ["is truncated or damaged"]),
        (make_damaged, ["is damaged: the checksum of ", "data.pkl is wrong"]),
        (make_changed_bytes, ["is damaged: the checksum of ", "data/0 is wrong. Fetch the whole file again"]),
        (make_sparse, ["model.diffusion_model.time_embed.0.weight is sparse_coo. Accepted are float16"]),
        (make_meta, ["model.diffusion_model.time_embed.0.weight is without values. Accepted are float16"]),
        (
            make_other_model,
            [
                "is no AudioSR checkpoint: it has nothing named first_stage_model.vocoder., scale_factor. ",
                "5 tensors are cond_stage_model (3), model (1), first_stage_model (1).",
            ],
        ),
        (
            make_speech_of_another_shape,
            [
                "don't fit (2): ",
                "model.diffusion_model.input_blocks.0.0.weight has shape (32, 16, 3, 3) instead of (32, 32, 3, 3)",
                "first_stage_model.vocoder.conv_pre.weight has shape (64, 128, 7) instead of (64, 256, 7)",
                "unet 32 (officially 128), vae 32 (officially 128), vocoder 64 (officially 1536)",
            ],
        ),
        (make_list, ["holds a list without tensors"]),
        (make_text, ["is no checkpoint, it begins with b'<!DOCTYPE"]),
        (make_empty, ["is empty (0 bytes)"]),
        (make_folder, ["is a folder. Pass the checkpoint's file"]),
        (make_pipeline_folder, ["is a folder with a whole pipeline. Load it with from_pretrained"]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_bad_files_are_refused_in_one_line(make: Callable[[], str], messages, folder, capsys):
    path = make()
    before = sorted(folder.rglob("*"))
    with pytest.raises(ValueError) as error:
        AudioSRPipeline.from_single_file(path)
    assert cli.main(["convert", path, "out"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1
    assert err.startswith(f"audiosr-pipeline: {path}: ")
    for message in messages:
        assert message in str(error.value) and message in err
    # Neither code nor a conversion has made anything.
    assert sorted(folder.rglob("*")) == before


def test_code_would_have_been_noticed():
    """The file of the test above does run code where that is allowed."""
    torch.load(make_code(), weights_only=False)
    assert Path("executed").is_dir()


def test_a_missing_file_is_an_error_as_of_any_file(capsys):
    with pytest.raises(FileNotFoundError):
        AudioSRPipeline.from_single_file("nothing.bin")
    assert cli.main(["convert", "nothing.bin", "out"]) == 1
    assert "No such file" in capsys.readouterr().err and not Path("out").exists()


# The command line


def test_convert_writes_a_folder_that_loads(official_checkpoint, folder, capsys):
    Path("out").mkdir()
    assert cli.main(["convert", str(official_checkpoint), "out"]) == 0
    out, err = capsys.readouterr()
    components, report = convert_checkpoint(official_checkpoint)
    assert (out, err) == (f"{report}\n", "")
    assert [path.name for path in folder.iterdir()] == ["out"]
    index = json.loads(Path("out/model_index.json").read_text())
    settings = {
        name: value for name, value in index.items() if not name.startswith("_") and not isinstance(value, list)
    }
    assert settings == {
        "default_num_inference_steps": 50,
        "default_guidance_scale": 3.5,
        "default_eta": 1.0,
        "window_s": 10.24,
        "unconditional_latent": -11.4981,
    }
    assert Path("out/pipeline.py").is_file() and not list(Path("out").rglob("*.bin"))
    pipe = AudioSRPipeline.from_pretrained("out")
    assert_same_weights(pipe.components, components)
    assert pipe.vae.config.scaling_factor == SCALE_FACTOR
    assert pipe.scheduler.config.steps_offset == 1


@pytest.mark.parametrize("taken", ["file", "folder"])
def test_convert_overwrites_nothing(taken, folder, capsys):
    path = saved(blank_checkpoint())
    if taken == "file":
        Path("out").write_text("mine")
    else:
        Path("out").mkdir()
        Path("out/notes.txt").write_text("mine")
    before = sorted(folder.rglob("*"))
    assert cli.main(["convert", path, "out"]) == 2
    assert capsys.readouterr().err == "audiosr-pipeline: out is there already: name a new folder\n"
    assert sorted(folder.rglob("*")) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_disk_that_can_hold_no_weights_leaves_nothing_behind(official_checkpoint, folder, capsys):
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Enough for the VAE, not for the UNet.
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000_000, limits[1]))
    try:
        assert cli.main(["convert", str(official_checkpoint), "models/out"]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    err = capsys.readouterr().err
    assert err.startswith("audiosr-pipeline: models/out: can't be written: ") and "File too large" in err
    assert len(err.splitlines()) == 1
    assert [path for path in folder.rglob("*") if path.name != "models"] == []


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_conversion_that_stops_leaves_nothing_behind(error, monkeypatch, folder, capsys):
    def save_half(pipeline, path):
        (path / "unet").mkdir(parents=True)
        (path / "unet" / "weights.safetensors").write_bytes(bytes(100))
        raise error

    path = saved(blank_checkpoint())
    monkeypatch.setattr(AudioSRPipeline, "save_pretrained", save_half)
    assert cli.main(["convert", path, "out"]) == (130 if isinstance(error, KeyboardInterrupt) else 1)
    assert [path.name for path in folder.iterdir()] == ["checkpoint.bin"]
    said = "interrupted" if isinstance(error, KeyboardInterrupt) else "out: can't be written: [Errno 28] No space left"
    assert said in capsys.readouterr().err

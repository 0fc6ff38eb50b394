"""Trained parts: what isn't whole is refused, and what they were trained with is known again."""

import copy

import pytest
import torch
from diffusers import AudioLDM2UNet2DConditionModel, AutoencoderDC
from safetensors.torch import load_file, save_file

from audiosr_pipeline.pipelines.weight_checks import load_part
from audiosr_pipeline.training.ldm import LDMSettings, _check_initial, train_ldm
from audiosr_pipeline.training.parts import (
    TRAINED_WITH,
    check_trained_with,
    fingerprint,
    write_trained_with,
)
from audiosr_pipeline.training.vae import load_autoencoder


def test_a_fingerprint_tells_weights_and_scaling_factors_apart(tiny_pipeline):
    vae = copy.deepcopy(tiny_pipeline.vae)
    assert fingerprint(vae) == fingerprint(tiny_pipeline.vae)
    with torch.no_grad():
        next(vae.parameters())[0] += 1e-6
    assert fingerprint(vae) != fingerprint(tiny_pipeline.vae)
    vae = copy.deepcopy(tiny_pipeline.vae)
    vae.register_to_config(scaling_factor=0.3)
    assert fingerprint(vae) != fingerprint(tiny_pipeline.vae)


def test_what_a_part_was_trained_with_is_known_again(tiny_pipeline, tmp_path):
    other = copy.deepcopy(tiny_pipeline.vae)
    other.register_to_config(scaling_factor=0.3)
    # Earlier runs left no note.
    check_trained_with(tmp_path, vae=other)
    write_trained_with(tmp_path, {"vae": fingerprint(tiny_pipeline.vae)})
    check_trained_with(tmp_path, vae=tiny_pipeline.vae)
    with pytest.raises(ValueError, match="was trained with another vae"):
        check_trained_with(tmp_path, vae=other)
    (tmp_path / TRAINED_WITH).write_text("{")
    with pytest.raises(ValueError, match="trained_with.json is damaged"):
        check_trained_with(tmp_path, vae=other)


@pytest.mark.parametrize("part", ["vae", "unet"])
def test_a_file_without_one_of_its_tensors_is_refused(tiny_pipeline, tmp_path, part):
    """diffusers draws it at random."""
    network = getattr(tiny_pipeline, part)
    network.save_pretrained(tmp_path / part)
    file = tmp_path / part / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    missing = sorted(tensors)[0]
    save_file({name: tensor for name, tensor in tensors.items() if name != missing}, file)
    with pytest.raises(ValueError, match=f"{missing} is missing"):
        load_part(type(network), tmp_path / part)
    if part == "vae":
        with pytest.raises(ValueError, match=f"{missing} is missing"):
            load_autoencoder(tmp_path / part)


def test_a_file_with_nan_is_refused(tiny_pipeline, tmp_path):
    unet = copy.deepcopy(tiny_pipeline.unet)
    with torch.no_grad():
        unet.conv_out.bias[0] = torch.nan
    unet.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="conv_out.bias holds NaN"):
        load_part(AudioLDM2UNet2DConditionModel, tmp_path)


@pytest.mark.parametrize("is_known_by", ["a note", "its pipeline"])
def test_training_starts_from_weights_with_their_own_autoencoder_alone(tiny_pipeline, tmp_path, is_known_by):
    tiny_pipeline.save_pretrained(tmp_path / "pipeline")
    initial = tmp_path / "pipeline/unet"
    if is_known_by == "a note":
        tiny_pipeline.unet.save_pretrained(initial := tmp_path / "best")
        write_trained_with(initial, {"vae": fingerprint(tiny_pipeline.vae)})
    other = copy.deepcopy(tiny_pipeline.vae)
    other.register_to_config(scaling_factor=0.3)
    settings = LDMSettings(data=(), vae=str(tmp_path / "other"), initial=str(initial))
    _check_initial(settings, tiny_pipeline.vae)
    with pytest.raises(ValueError, match=rf"initial={initial} .*another autoencoder .*{fingerprint(other)[:12]}"):
        _check_initial(settings, other)


def test_training_from_weights_for_another_autoencoder_is_refused(tiny_pipeline, manifest, tmp_path):
    tiny_pipeline.unet.save_pretrained(tmp_path / "unet")
    write_trained_with(tmp_path / "unet", {"vae": 64 * "0"})
    tiny_pipeline.vae.save_pretrained(tmp_path / "vae")
    settings = LDMSettings(
        data=(str(manifest),),
        output=str(tmp_path / "run"),
        vae=str(tmp_path / "vae"),
        initial=str(tmp_path / "unet"),
        num_steps=1,
        batch_size=2,
        crop_s=0.32,
        num_workers=0,
    )
    with pytest.raises(ValueError, match="another autoencoder"):
        train_ldm(settings)
    assert not (tmp_path / "run").exists()


def test_training_goes_on_with_the_autoencoder_that_it_was_begun_with_alone(tiny_pipeline, manifest, tmp_path):
    """Another under the same path has other latents: the UNet would learn from both."""
    for part in ("vae", "unet"):
        getattr(tiny_pipeline, part).save_pretrained(tmp_path / part)

    def train_to(num_steps):
        train_ldm(
            LDMSettings(
                data=(str(manifest),),
                output=str(tmp_path / "ldm"),
                vae=str(tmp_path / "vae"),
                initial=str(tmp_path / "unet"),
                num_steps=num_steps,
                batch_size=2,
                crop_s=0.32,
                num_workers=0,
            )
        )

    train_to(1)
    train_to(2)
    check_trained_with(tmp_path / "ldm/best", vae=AutoencoderDC.from_pretrained(tmp_path / "vae"))
    other = copy.deepcopy(tiny_pipeline.vae)
    other.register_to_config(scaling_factor=0.3)
    other.save_pretrained(tmp_path / "vae")
    with pytest.raises(ValueError, match="was begun with another vae"):
        train_to(3)

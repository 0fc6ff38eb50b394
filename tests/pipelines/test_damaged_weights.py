"""A checkpoint whose tensors aren't those of its networks is refused: diffusers draws what is missing at random."""

import shutil
from pathlib import Path

import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors.torch import load_file, save_file

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.pipelines import loading
from tests.conftest import build_tiny_pipeline
from tests.official import recipe_checkpoint
from tests.pipelines.official_classes import build_official_pipeline

NETWORKS = ("unet", "vae", "vocoder")


@pytest.fixture(scope="module", params=[build_tiny_pipeline, build_official_pipeline], ids=["mini", "official"])
def whole(request, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "model"
    request.param().save_pretrained(path)
    return path


@pytest.fixture
def folder(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


def damage(folder: Path, network: str, kind: str) -> str:
    """Spoils the largest tensor of a network's file; returns its name."""
    (file,) = (folder / network).glob("*.safetensors")
    tensors = load_file(file)
    name = max(tensors, key=lambda key: tensors[key].numel())
    if kind == "missing":
        del tensors[name]
    elif kind == "unknown":
        name = "another.weight"
        tensors[name] = torch.zeros(3)
    elif kind == "shape":
        tensors[name] = torch.zeros(2, 3)
    else:
        tensors[name].view(-1)[7] = float(kind)
    save_file(tensors, file, metadata={"format": "pt"})
    return name


KINDS = {
    "missing": "{} is missing",
    "unknown": "{} is unknown",
    "shape": r"{} .*shape.*\(\[?2, 3\]?\)",
    "nan": "{} holds NaN or infinite values",
    "-inf": "{} holds NaN or infinite values",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("network", NETWORKS)
def test_a_damaged_network_is_refused_and_its_tensor_named(folder, network, kind):
    message = KINDS[kind].format(damage(folder, network, kind).replace(".", r"\."))
    with pytest.raises(ValueError, match=message):
        AudioSRPipeline.from_pretrained(folder)


@pytest.mark.parametrize("kind", ["missing", "unknown", "nan"])
def test_so_it_is_by_plain_diffusers(folder, kind):
    message = KINDS[kind].format(damage(folder, "unet", kind).replace(".", r"\."))
    with pytest.raises(ValueError, match=message):
        DiffusionPipeline.from_pretrained(str(folder), custom_pipeline=str(folder), trust_remote_code=True)


def test_what_is_replaced_while_loading_is_not_asked_for(folder):
    damage(folder, "unet", "missing")
    unet = build_tiny_pipeline().unet
    assert AudioSRPipeline.from_pretrained(folder, unet=unet).unet is unet


@pytest.mark.parametrize("whole", [build_tiny_pipeline], indirect=True, ids=["mini"])
def test_of_two_variants_the_one_that_is_loaded_counts(folder):
    build_tiny_pipeline().to(torch.float16).save_pretrained(folder, variant="fp16")
    file = folder / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    tensors = load_file(file)
    del tensors["conv_in.weight"]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"conv_in\.weight is missing"):
        AudioSRPipeline.from_pretrained(folder, variant="fp16")
    AudioSRPipeline.from_pretrained(folder)


@pytest.mark.parametrize("whole", [build_official_pipeline], indirect=True, ids=["official"])
def test_a_wrong_shape_in_the_vocoder_of_transformers_is_named_with_both_shapes(folder):
    name = damage(folder, "vocoder", "shape")
    shape = tuple(build_official_pipeline().vocoder.state_dict()[name].shape)
    with pytest.raises(ValueError) as caught:
        AudioSRPipeline.from_pretrained(folder)
    assert f"{name} has shape (2, 3) instead of {shape}" in str(caught.value)


def save_as_bin(folder: Path, network: str) -> None:
    """Puts a `.bin` of the same tensors beside a network's file, by the name that its library looks for."""
    (file,) = (folder / network).glob("*.safetensors")
    stem = {"model": "pytorch_model"}.get(file.stem, file.stem)
    torch.save(load_file(file), file.with_name(f"{stem}.bin"))


@pytest.mark.parametrize("network", ["unet", "vocoder"])
@pytest.mark.parametrize("use_safetensors", [False, None])
def test_of_safetensors_and_bin_the_one_that_is_loaded_counts(folder, network, use_safetensors):
    for file in folder.rglob("*.safetensors"):
        save_as_bin(folder, file.parent.name)
    if use_safetensors is None:
        name = damage(folder, network, "missing")
    else:
        (file,) = (folder / network).glob("*.bin")
        tensors = torch.load(file)
        # A tensor that may be drawn with the same values: zeros.
        name = next(key for key in tensors if key.endswith("bias"))
        del tensors[name]
        torch.save(tensors, file)
    with pytest.raises(ValueError, match=name.replace(".", r"\.") + " is missing"):
        AudioSRPipeline.from_pretrained(folder, use_safetensors=use_safetensors)
    # The other file is whole.
    assert AudioSRPipeline.from_pretrained(folder, use_safetensors=use_safetensors is False).unet is not None


@pytest.mark.parametrize("whole", [build_tiny_pipeline], indirect=True, ids=["mini"])
def test_plain_diffusers_takes_no_bin_that_lacks_tensors_for_a_whole_one_beside_it(folder):
    for file in folder.rglob("*.safetensors"):
        save_as_bin(folder, file.parent.name)
    file = folder / "unet" / "diffusion_pytorch_model.bin"
    tensors = torch.load(file)
    # What is missing is left as the memory was, which may hold the values of the other file: one more is another.
    del tensors["conv_in.weight"]
    tensors["conv_in.bias"] += 1
    torch.save(tensors, file)
    options = {"custom_pipeline": str(folder), "trust_remote_code": True}
    with pytest.raises(ValueError, match=r"conv_in\.weight is missing"):
        DiffusionPipeline.from_pretrained(str(folder), **options, use_safetensors=False)
    assert DiffusionPipeline.from_pretrained(str(folder), **options).unet is not None


@pytest.mark.parametrize("whole", [build_tiny_pipeline], indirect=True, ids=["mini"])
@pytest.mark.parametrize("kind", ["missing", "unknown", "shape", "nan"])
def test_so_are_the_models_of_the_package(folder, kind, monkeypatch):
    monkeypatch.setattr(loading, "WEIGHTS", folder.parent)
    monkeypatch.setattr(loading, "BASE", "model")
    shutil.copytree(folder / "unet", folder.parent / "fine-tuned" / "unet")
    name = damage(folder.parent / "fine-tuned", "unet", kind)
    assert AudioSRPipeline.from_pretrained("model").unet is not None
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        AudioSRPipeline.from_pretrained("fine-tuned")


@pytest.mark.parametrize("whole", [build_tiny_pipeline], indirect=True, ids=["mini"])
def test_large_weights_in_several_files_are_one_whole(folder):
    shutil.rmtree(folder / "unet")
    unet = build_tiny_pipeline().unet
    unet.save_pretrained(folder / "unet", max_shard_size="20KB")
    assert len(list((folder / "unet").glob("*.safetensors"))) > 1
    loaded = AudioSRPipeline.from_pretrained(folder).unet.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in unet.state_dict().items())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_official_checkpoint_that_is_not_finite_is_refused(tmp_path, value):
    tensors = recipe_checkpoint()
    name = next(key for key in tensors if key.startswith("model.diffusion_model.") and tensors[key].numel() > 100)
    tensors[name] = tensors[name].clone()
    tensors[name].view(-1)[3] = value
    torch.save({"state_dict": tensors}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"unet\..* holds NaN or infinite values"):
        AudioSRPipeline.from_single_file(tmp_path / "pytorch_model.bin")


def test_changed_networks_make_new_pipelines(whole):
    """Adapters and compilers rename the tensors of a network: only what was just loaded is compared with its file."""
    pipe = AudioSRPipeline.from_pretrained(whole)
    pipe.unet.register_buffer("extra", torch.zeros(1))
    assert AudioSRPipeline.from_pipe(pipe).unet is pipe.unet


class Bomb:
    def __reduce__(self):
        return open, ("exploded", "w")


@pytest.mark.parametrize("whole", [build_tiny_pipeline], indirect=True, ids=["mini"])
def test_code_in_a_file_of_weights_is_not_run(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    (file,) = (folder / "unet").glob("*.safetensors")
    torch.save({**load_file(file), "bomb": Bomb()}, file.with_name("diffusion_pytorch_model.bin"))
    file.unlink()
    with pytest.raises((ValueError, OSError)):
        AudioSRPipeline.from_pretrained(folder)
    assert not Path("exploded").exists()

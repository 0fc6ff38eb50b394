"""Items from captions through real generators, and from folders."""

import hashlib

import numpy as np
import pytest
from transformers import FastSpeech2ConformerTokenizer

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.audio_io import read_audio
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.study.items import FolderSet, PromptSet, draw_order, item_seed, num_clipped, read_captions
from tests.adapters.cases import TOKENS
from tests.adapters.tiny import rms
from tests.signals import tone
from tests.study.sources import save_clips, save_generator


def test_captions_are_read_by_row(tmp_path):
    path = tmp_path / "captions.csv"
    path.write_bytes('\ufeffytid,caption\na,"Slow, sad piano"\nb,\nc,Drums\n'.encode())
    assert read_captions(path) == {"0001": "Slow, sad piano", "0002": "", "0003": "Drums"}
    assert read_captions(path, column="ytid")["0003"] == "c"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ytid,text\na,b\n", "no column caption; its first line names"),
        ("", "no column caption; its first line names"),
        ("caption\n", "no rows"),
    ],
)
def test_captions_that_are_not_there_are_told(tmp_path, text, message):
    (tmp_path / "captions.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_captions(tmp_path / "captions.csv")
    with pytest.raises(FileNotFoundError, match="other.csv is not a file"):
        read_captions(tmp_path / "other.csv")


@pytest.mark.parametrize("generator", ["musicgen", "audioldm", "fastspeech2"])
def test_a_prompt_becomes_an_item(generator, tiny_pipeline, tmp_path, monkeypatch):
    # The real tokenizer needs g2p-en, which would download a dictionary.
    tokens = {name: tensor[:1] for name, tensor in TOKENS.items()}
    monkeypatch.setattr(
        FastSpeech2ConformerTokenizer, "from_pretrained", lambda name: lambda texts, return_tensors: tokens
    )
    checkpoint = save_generator(tmp_path / generator, generator)
    item_set = PromptSet(generator, {"0001": "rain", "0002": " "}, checkpoint=checkpoint, duration_s=0.1)
    render = item_set.open(tiny_pipeline, "cpu", 1)
    item = render("0001", "rain", 3)
    assert item.original.shape == item.audiosr.shape and len(item.original) == 1 and rms(item.original) > 0.005
    if generator != "fastspeech2":
        # MusicGen's last tokens complete a pattern and give no audio; AudioLDM makes whole frames.
        assert item.original.shape[-1] == pytest.approx(0.1 * 48_000, rel=0.15)
    assert item.report.settings["num_inference_steps"] == 1
    assert (item.source, item.source_sha256) == (checkpoint, hashlib.sha256(item.original.tobytes()).hexdigest())
    again, other = render("0001", "rain", 3), render("0001", "rain", 4)
    np.testing.assert_array_equal(again.audiosr, item.audiosr)
    assert not np.array_equal(other.audiosr, item.audiosr)
    # FastSpeech 2 draws nothing; the others' own audio is seeded too.
    assert np.array_equal(other.original, item.original) == (generator == "fastspeech2")
    with pytest.raises(ValueError, match="its caption is empty"):
        render("0002", " ", 0)


def test_a_file_becomes_an_item(tiny_pipeline, tmp_path):
    folder = save_clips(tmp_path / "in", 1)
    item = FolderSet("x", folder).open(tiny_pipeline, "cpu", 1)("clip0", "", 0)
    np.testing.assert_array_equal(item.original, resample(*read_audio(folder / "clip0.wav"), 48_000))
    assert item.audiosr.shape == item.original.shape and rms(item.audiosr - item.original) > 0
    assert item.source_sha256 == hashlib.sha256((folder / "clip0.wav").read_bytes()).hexdigest()
    assert isinstance(tiny_pipeline, AudioSRPipeline) and item.report.seed == 0


def test_what_can_not_be_prompted_is_told():
    with pytest.raises(ValueError, match='generator="bark" can\'t be given prompts; accepted are musicgen, audioldm'):
        PromptSet("bark", {"1": "rain"}).prompts()
    with pytest.raises(ValueError, match="no captions for musicgen"):
        PromptSet("musicgen", {}).prompts()


@pytest.mark.parametrize("name", ["\\z", "x\\..\\y", "b\udcff"])
def test_names_that_no_manifest_can_hold_are_refused_before_the_work(name):
    with pytest.raises(ValueError, match="a manifest can't hold it"):
        draw_order(PromptSet("audioldm", {name: "rain"}), 0)


def test_items_are_drawn_by_seed():
    captions = {f"{number:04d}": "rain" for number in range(30)}
    some = draw_order(PromptSet("musicgen", captions, 10), 0)
    assert sorted(some) == sorted(captions) and some[:10] != sorted(some)[:10]
    assert (
        some == draw_order(PromptSet("musicgen", captions, 10), 0) != draw_order(PromptSet("musicgen", captions, 10), 1)
    )
    assert draw_order(PromptSet("musicgen", captions), 0) == list(captions)
    seeds = {item_seed(seed, generator, item) for seed in (0, 1) for generator in "ab" for item in captions}
    assert len(seeds) == 2 * 2 * 30


@pytest.mark.parametrize("num_items", [0, 4, -1])
def test_more_items_than_there_are_is_an_error(num_items):
    captions = dict.fromkeys("abc", "rain")
    with pytest.raises(ValueError, match=f"{num_items} items of musicgen are asked for, there are 3: ask for 1 to 3"):
        draw_order(PromptSet("musicgen", captions, num_items), 0)


def test_clipping_is_flat_runs_at_full_scale():
    loud = tone(440, amplitude=1.5)
    # Floats beyond full scale are not clipped, nor is what just reaches it.
    assert num_clipped(loud) == num_clipped(tone(440, amplitude=1.0)) == 0
    assert num_clipped(np.clip(loud, -1, 1)) == np.count_nonzero(np.abs(loud) >= 1)
    clip = np.zeros((1, 100), np.float32)
    clip[0, [10, 20, 21, 50, 51, 52]] = -1
    assert num_clipped(clip) == 3

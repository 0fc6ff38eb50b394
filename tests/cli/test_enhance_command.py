"""`enhance`: what is written where, what is left alone, and what is said when something is wrong."""

import hashlib
import json
import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
import torch

from audiosr_pipeline import AudioSRPipeline, spectrogram
from audiosr_pipeline.audio_io import read_audio, read_comment, write_audio
from audiosr_pipeline.cli import enhance_file
from audiosr_pipeline.dsp.resample import resample
from tests.audio_io.encode import encode, sweep
from tests.cli.commands import bad_usage, files, lines, make_wav, run

# What is written where


def test_a_file_goes_into_a_folder_and_to_48_khz(pipeline, capsys):
    make_wav("a.wav", channels=2)
    assert run("enhance", "a.wav", "-o", "out") == 0
    assert files("out") == ["a.wav"]
    audio, sampling_rate = read_audio("out/a.wav")
    assert (audio.shape, sampling_rate) == ((2, 48_000), 48_000)
    assert soundfile.info("out/a.wav").subtype == "PCM_16"
    out, err = capsys.readouterr()
    assert lines(out) == [
        "a.wav -> out/a.wav: enhanced: a test",
        "1 enhanced, 0 silent, 0 left alone, 0 already done, 0 failed",
    ]
    assert err == ""


def test_a_single_file_can_be_named(pipeline):
    make_wav("a.wav")
    assert run("enhance", "a.wav", "-o", "b.flac") == 0
    assert soundfile.info("b.flac").format == "FLAC"


def test_folders_keep_their_order_and_files_that_are_no_audio_are_passed_over(pipeline):
    for name in ["in/a.wav", "in/deep/er/b.wav", "in/deep/.hidden.wav"]:
        make_wav(name)
    Path("in/cover.jpg").touch()
    assert run("enhance", "in", "-o", "out") == 0
    assert files("out") == ["a.wav", "deep/er/b.wav"]


def test_what_is_passed_over_in_a_folder_is_counted_and_named(pipeline, capsys):
    make_wav("in/a.wav")
    for name in ["in/notes.txt", "in/deep/cover.jpg", "in/.hidden", *(f"in/z{number:02}.nfo" for number in range(8))]:
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    assert run("enhance", "in", "-o", "in/out") == 0
    assert capsys.readouterr().err == (
        "audiosr-pipeline: in: passed over 10 files that aren't named as audio or video: deep/cover.jpg, notes.txt, "
        "z00.nfo, z01.nfo, z02.nfo, z03.nfo, z04.nfo, z05.nfo and 2 more\n"
    )
    assert run("enhance", "in", "-o", "in/out", "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_what_is_no_file_is_counted_and_named_and_no_pipe_is_waited_for(pipeline, capsys):
    make_wav("in/a.wav")
    make_wav("elsewhere/b.wav")
    os.symlink("nowhere.wav", "in/gone.wav")
    os.symlink(Path("elsewhere").resolve(), "in/linked")
    os.symlink(Path("elsewhere/b.wav").resolve(), "in/c.wav")
    os.mkfifo("in/pipe.wav")
    os.symlink(".", "in/.hidden")
    assert run("enhance", "in", "-o", "out") == 0
    assert files("out") == ["a.wav", "c.wav"]
    assert capsys.readouterr().err == (
        "audiosr-pipeline: in: passed over 3 that are no files: gone.wav (a link to nothing), linked (a link to a "
        "folder), pipe.wav (a pipe)\n"
    )
    assert run("inspect", "in") == 0
    assert "passed over 3" in capsys.readouterr().err
    # A link that is named itself is followed.
    assert run("enhance", "in/linked", "-o", "out2") == 0
    assert files("out2") == ["b.wav"]


def test_a_pipe_that_a_pattern_matches_is_not_waited_for(pipeline, capsys):
    make_wav("in/a.wav")
    os.mkfifo("in/p.wav")
    assert run("enhance", "in/*.wav", "-o", "out") == 0
    assert files("out") == ["a.wav"]
    assert "in/*.wav: passed over in/p.wav (no file)" in capsys.readouterr().err
    assert run("enhance", "in/p*.wav", "-o", "out") == 1
    assert "a pattern that matches no file" in capsys.readouterr().err


def test_the_sound_of_a_video_is_enhanced(pipeline):
    Path("in").mkdir()
    audio = sweep(48_000, 16_000, 1)
    encode(Path("in/a.mp4"), audio, 16_000, "aac", has_video=True)
    assert run("enhance", "in", "-o", "out") == 0
    assert files("out") == ["a.wav"]
    assert read_audio("out/a.wav")[0].shape == (1, 144_000)
    assert soundfile.info("out/a.wav").subtype == "PCM_16"


def test_patterns_are_expanded(pipeline):
    for name in ["in/a1.wav", "in/a2.wav", "in/b.wav", "in/deep/a3.wav"]:
        make_wav(name)
    assert run("enhance", "in/a*.wav", "-o", "out") == 0
    assert files("out") == ["a1.wav", "a2.wav"]
    assert run("enhance", "in/**/a3.wav", "-o", "out") == 0
    assert files("out") == ["a1.wav", "a2.wav", "a3.wav"]


def test_a_file_named_like_a_pattern_is_a_file(pipeline):
    make_wav("take [2].wav")
    assert run("enhance", "take [2].wav", "-o", "out") == 0
    assert files("out") == ["take [2].wav"]


def test_a_file_named_twice_is_done_once(pipeline):
    make_wav("in/a.wav")
    assert run("enhance", "in", "in/a.wav", str(Path("in/a.wav").resolve()), "-o", "out") == 0
    assert len(pipeline.calls) == 1


@pytest.mark.parametrize(
    ("options", "suffix", "subtype"),
    [
        ([], ".wav", "PCM_16"),
        (["--sample-format", "pcm24"], ".wav", "PCM_24"),
        (["--sample-format", "float"], ".wav", "FLOAT"),
        (["--format", "flac"], ".flac", "PCM_16"),
        (["--format", "flac", "--sample-format", "pcm24"], ".flac", "PCM_24"),
        (["--format", "ogg"], ".ogg", "VORBIS"),
    ],
)
def test_format_and_sample_format(pipeline, options, suffix, subtype):
    make_wav("a.wav")
    assert run("enhance", "a.wav", "-o", "out", *options) == 0
    assert files("out") == [f"a{suffix}"]
    assert soundfile.info(f"out/a{suffix}").subtype == subtype


@pytest.mark.parametrize(
    ("source", "options", "suffix", "subtype", "is_dithered"),
    [
        ("PCM_24", [], ".wav", "PCM_24", False),
        ("PCM_24", ["--format", "flac"], ".flac", "PCM_24", False),
        ("FLOAT", [], ".wav", "FLOAT", False),
        ("FLOAT", ["--format", "flac"], ".flac", "PCM_24", True),
        ("PCM_U8", [], ".wav", "PCM_16", False),
        ("PCM_24", ["--sample-format", "pcm16"], ".wav", "PCM_16", True),
    ],
)
@pytest.mark.parametrize("action", ["enhanced", "left_alone"])
def test_the_input_s_sample_format_is_kept_and_a_narrower_one_dithered_and_said(
    pipeline, capsys, source, options, suffix, subtype, is_dithered, action
):
    pipeline.action = action
    # Half a 16-bit step: without dither 16 bits hold nothing of it.
    audio = np.full((8_000, 1), 0.4 * 2**-15 if source != "PCM_U8" else 0.5)
    soundfile.write("a.wav", audio, 8_000, subtype=source)
    assert run("enhance", "a.wav", "-o", "out", "--report", *options) == 0
    assert soundfile.info(f"out/a{suffix}").subtype == subtype
    said = f"written as {subtype}, narrower than the input's {source}: dithered"
    assert (said in capsys.readouterr().out) == is_dithered
    report = json.loads(Path("out/a.json").read_text())
    formats = report["input_subtype"], report["output_subtype"], report["output_dithered"]
    assert formats == (source, subtype, is_dithered)
    # 48,000 samples whose dither has a deviation of half a step, and resampling's own deviation at the ends.
    assert read_audio(f"out/a{suffix}")[0].mean() == pytest.approx(audio.mean(), rel=0.02)


def test_the_options_reach_the_pipeline(pipeline):
    make_wav("a.wav")
    make_wav("b.wav")
    options = "--steps 7 --guidance-scale 2 --eta 0.5 --cutoff-freq 3000 --on-full-band run --seed 42 --report"
    assert run("enhance", "a.wav", "b.wav", "-o", "out", *options.split()) == 0
    for call in pipeline.calls:
        assert call.pop("generator").initial_seed() == 42
        assert call == {
            "sampling_rate": 8_000,
            "num_inference_steps": 7,
            "guidance_scale": 2,
            "eta": 0.5,
            "cutoff_freq": 3_000,
            "on_full_band": "run",
        }
    assert [json.loads(Path(f"out/{name}.json").read_text())["seed"] for name in "ab"] == [42, 42]


def test_report_and_spectrogram_stand_beside_the_output(pipeline):
    make_wav("in/deep/a.wav")
    assert run("enhance", "in", "-o", "out", "--report", "--spectrogram", "--format", "flac") == 0
    assert files("out") == ["deep/a.flac", "deep/a.json", "deep/a.png"]
    report = json.loads(Path("out/deep/a.json").read_text())
    assert report["input"] == "in/deep/a.wav"
    assert report["output"] == "out/deep/a.flac"
    assert (report["output_subtype"], report["output_gain_db"]) == ("PCM_16", 0)
    assert (report["sampling_rate"], report["action"]) == (8_000, "enhanced")


@pytest.mark.parametrize("options", [[], ["--sample-format", "pcm24"], ["--format", "ogg"]])
def test_the_level_is_lowered_where_it_would_clip_and_that_is_said(pipeline, capsys, options):
    make_wav("a.wav")
    pipeline.level = 10.0
    assert run("enhance", "a.wav", "-o", "out", "--report", *options) == 0
    (output,) = (path for path in Path("out").iterdir() if path.suffix != ".json")
    unclipped = 10 * resample(read_audio("a.wav")[0], 8_000, 48_000)
    # To one 16-bit step below full scale.
    lowered_db = 20 * np.log10(np.abs(unclipped).max() / (1 - 2**-15))
    assert json.loads(Path("out/a.json").read_text())["output_gain_db"] == pytest.approx(-lowered_db)
    assert f"level lowered by {lowered_db:.2f} dB" in capsys.readouterr().out
    if output.suffix == ".wav":
        expected = unclipped * np.float32(10 ** (-lowered_db / 20))
        # Half a step of 16 bits, which are the coarser ones, and float32.
        assert np.abs(read_audio(output)[0] - expected).max() < 0.51 * 2**-15


def test_float_keeps_any_level(pipeline, capsys):
    make_wav("a.wav")
    pipeline.level = 10.0
    assert run("enhance", "a.wav", "-o", "out", "--sample-format", "float") == 0
    assert np.array_equal(read_audio("out/a.wav")[0], 10 * resample(read_audio("a.wav")[0], 8_000, 48_000))
    assert "lowered" not in capsys.readouterr().out


def test_full_band_files_are_counted_apart(pipeline, capsys):
    make_wav("a.wav")
    pipeline.action = "left_alone"
    assert run("enhance", "a.wav", "-o", "out") == 0
    assert lines(capsys.readouterr().out)[-1] == "0 enhanced, 0 silent, 1 left alone, 0 already done, 0 failed"


def test_quiet_prints_failures_alone(pipeline, capsys):
    make_wav("a.wav")
    Path("b.wav").touch()
    assert run("enhance", "a.wav", "b.wav", "-o", "out", "--quiet") == 1
    assert capsys.readouterr() == ("", "audiosr-pipeline: b.wav: is empty (0 bytes)\n")


def test_quiet_is_quiet_with_a_model_from_a_folder(tiny_pipeline, capfd):
    """Loading a model has a progress bar of its own."""
    tiny_pipeline.save_pretrained("model")
    make_wav("a.wav")
    assert run("enhance", "a.wav", "-o", "out", "--model", "model", "--report", "--quiet") == 0
    assert capfd.readouterr() == ("", "")
    assert json.loads(Path("out/a.json").read_text())["model"] == "model"


# A second run, and what is never overwritten


def test_a_second_run_does_what_is_missing_without_loading_a_model_for_the_rest(pipeline, capsys, monkeypatch):
    make_wav("in/a.wav")
    make_wav("in/b.wav")
    assert run("enhance", "in", "-o", "out") == 0
    Path("out/b.wav").unlink()
    kept = Path("out/a.wav").stat().st_mtime_ns
    assert run("enhance", "in", "-o", "out") == 0
    assert len(pipeline.calls) == 3
    assert Path("out/a.wav").stat().st_mtime_ns == kept
    out = lines(capsys.readouterr().out)
    assert out[-3:] == [
        "in/a.wav -> out/a.wav: already done",
        "in/b.wav -> out/b.wav: enhanced: a test",
        "1 enhanced, 0 silent, 0 left alone, 1 already done, 0 failed",
    ]
    monkeypatch.setattr(AudioSRPipeline, "from_pretrained", None)
    assert run("enhance", "in", "-o", "out") == 0


def test_overwrite_makes_all_again(pipeline):
    make_wav("a.wav")
    options = ["--report", "--spectrogram"]
    assert run("enhance", "a.wav", "-o", "out", *options) == 0
    before = {name: Path("out", name).stat().st_mtime_ns for name in files("out")}
    assert run("enhance", "a.wav", "-o", "out", "--overwrite", *options) == 0
    after = {name: Path("out", name).stat().st_mtime_ns for name in files("out")}
    assert before.keys() == after.keys()
    assert all(after[name] > before[name] for name in before)


def test_a_missing_spectrogram_is_drawn_from_the_files(pipeline, capsys):
    make_wav("a.wav")
    assert run("enhance", "a.wav", "-o", "out") == 0
    assert run("enhance", "a.wav", "-o", "out", "--spectrogram") == 0
    assert files("out") == ["a.png", "a.wav"]
    assert len(pipeline.calls) == 1
    assert "already done, but for the spectrogram" in capsys.readouterr().out


def test_a_missing_report_needs_overwrite(pipeline, capsys):
    """It can't be made without the run, and the run would replace the output."""
    make_wav("a.wav")
    assert run("enhance", "a.wav", "-o", "out") == 0
    assert run("enhance", "a.wav", "-o", "out", "--report") == 1
    assert files("out") == ["a.wav"]
    assert "a.wav: out/a.wav is there, but not out/a.json: --overwrite makes both again" in capsys.readouterr().err


def test_a_picture_that_is_no_spectrogram_of_ours_is_not_overwritten(pipeline, capsys):
    make_wav("in/a.wav")
    Path("out").mkdir()
    Path("out/a.png").write_text("a cover")
    assert run("enhance", "in", "-o", "out", "--spectrogram") == 1
    assert files("out") == ["a.png"]
    assert Path("out/a.png").read_text() == "a cover"
    assert "out/a.png is there, and is no file that this program made" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_an_output_of_another_recording_of_the_same_name_and_length_is_not_called_done(pipeline, capsys, suffix):
    make_wav("x/a.wav", peak=0.5)
    make_wav("y/a.wav", peak=0.25)
    options = ["-o", "out", "--format", suffix]
    assert run("enhance", "x", *options) == 0
    before = Path(f"out/a.{suffix}").read_bytes()
    assert run("enhance", "x", *options) == 0
    assert run("enhance", "y", *options) == 1
    assert f"out/a.{suffix} is there, but was made from another recording" in capsys.readouterr().err
    assert Path(f"out/a.{suffix}").read_bytes() == before
    assert run("enhance", "y", *options, "--overwrite") == 0
    assert run("enhance", "y", *options) == 0


def test_an_output_of_another_format_than_is_asked_for_or_of_other_channels_is_not_called_done(pipeline, capsys):
    make_wav("a.wav", channels=2)
    assert run("enhance", "a.wav", "-o", "out") == 0
    assert run("enhance", "a.wav", "-o", "out", "--sample-format", "pcm24") == 1
    assert "out/a.wav is there, but as PCM_16 and not PCM_24" in capsys.readouterr().err
    # What another program wrote has no checksum.
    make_wav("out/a.wav", sampling_rate=48_000)
    assert run("enhance", "a.wav", "-o", "out") == 1
    assert "out/a.wav is there, but with 1 channels, and this input has 2" in capsys.readouterr().err
    make_wav("out/a.wav", sampling_rate=48_000, channels=2)
    assert run("enhance", "a.wav", "-o", "out") == 0


def test_the_checksum_is_in_the_report_too(pipeline):
    make_wav("a.wav")
    assert run("enhance", "a.wav", "-o", "out", "--report") == 0
    digest = hashlib.sha256(Path("a.wav").read_bytes()).hexdigest()
    assert json.loads(Path("out/a.json").read_text())["input_sha256"] == digest
    assert digest in read_comment("out/a.wav")


def test_a_report_and_a_picture_of_a_former_output_do_not_stay_beside_the_new(pipeline):
    make_wav("a.wav")
    assert run("enhance", "a.wav", "-o", "out", "--report", "--spectrogram") == 0
    assert run("enhance", "a.wav", "-o", "out", "--overwrite") == 0
    assert files("out") == ["a.wav"]
    assert run("enhance", "a.wav", "-o", "out", "--overwrite", "--report") == 0
    Path("out/a.wav").unlink()
    assert run("enhance", "a.wav", "-o", "out") == 0
    assert files("out") == ["a.wav"]


def test_overwrite_replaces_no_recording_that_is_not_ours(pipeline, capsys):
    make_wav("a.wav")
    make_wav("out/a.wav", sampling_rate=48_000)
    before = Path("out/a.wav").read_bytes()
    assert run("enhance", "a.wav", "-o", "out", "--overwrite") == 1
    assert "out/a.wav is there, and is no file that this program made" in capsys.readouterr().err
    assert Path("out/a.wav").read_bytes() == before


def test_overwrite_replaces_no_file_beside_an_output_that_is_not_ours(pipeline, capsys):
    make_wav("a.wav")
    assert run("enhance", "a.wav", "-o", "out") == 0
    Path("out/a.json").write_text('{"artist": "me"}')
    Path("out/a.png").write_text("a cover")
    before = Path("out/a.wav").read_bytes()
    for flag, name in (("--report", "out/a.json"), ("--spectrogram", "out/a.png")):
        assert run("enhance", "a.wav", "-o", "out", "--overwrite", flag) == 1
        assert f"{name} is there, and is no file that this program made" in capsys.readouterr().err
        assert run("enhance", "a.wav", "-o", "out", flag) == 1
    assert run("enhance", "a.wav", "-o", "out", "--overwrite") == 0
    assert Path("out/a.json").read_text() == '{"artist": "me"}'
    assert Path("out/a.png").read_text() == "a cover"
    assert Path("out/a.wav").read_bytes() == before


@pytest.mark.parametrize("out", ["file.wav/x", "file.wav/x/y.wav", "notes.txt/x"])
def test_an_output_below_a_file_is_bad_usage(pipeline, capsys, out):
    make_wav("a.wav")
    make_wav("file.wav")
    Path("notes.txt").touch()
    message = bad_usage(capsys, "enhance", "a.wav", "-o", out)
    assert f"-o {out}: {Path(out).parts[0]} is a file, so that nothing can stand in it" in message


def test_links_that_lead_to_themselves_and_names_that_are_too_long_end_no_run(pipeline, capsys):
    make_wav("in/a.wav")
    os.symlink("loop.wav", "in/loop.wav")
    os.symlink("loop", "loop")
    assert run("enhance", "in", "-o", "out") == 0
    assert "passed over 1 that is no file: loop.wav (a link to nothing)" in capsys.readouterr().err
    assert run("enhance", "in/loop.wav", "n" * 300 + ".wav", "in/a.wav", "-o", "out") == 1
    out, err = capsys.readouterr()
    assert "1 already done, 2 failed" in out
    assert "symbolic links" in err and "file name too long" in err.lower()
    for name in ("loop", "loop/x.wav"):
        assert "symbolic links" in bad_usage(capsys, "enhance", "in/a.wav", "-o", name)
    assert "file name too long" in bad_usage(capsys, "enhance", "in/a.wav", "-o", f"{'n' * 300}.wav")


def test_a_variable_that_is_not_set_does_not_stand_for_the_current_folder(pipeline, capsys):
    make_wav("a.wav")
    assert "an input is empty" in bad_usage(capsys, "enhance", "", "-o", "out")
    assert "argument -o/--output: it is empty" in bad_usage(capsys, "enhance", "a.wav", "-o", "")
    assert "an input is empty" in bad_usage(capsys, "inspect", "")
    assert files() == ["a.wav"]


def test_the_output_folder_may_lie_in_the_input_folder(pipeline):
    make_wav("a.wav")
    for _ in range(2):
        assert run("enhance", ".", "-o", "out") == 0
    assert files() == ["a.wav", "out/a.wav"]
    # What a shell makes of `*` at the second run.
    assert run("enhance", "a.wav", "out", "-o", "out") == 0
    assert files() == ["a.wav", "out/a.wav"]


def test_the_input_folder_may_lie_in_the_output_folder(pipeline):
    make_wav("out/raw/a.wav")
    assert run("enhance", "out/raw", "-o", "out") == 0
    assert files() == ["out/a.wav", "out/raw/a.wav"]


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_an_input_is_never_overwritten(pipeline, capsys, overwrite):
    before = make_wav("in/a.wav").read_bytes()
    make_wav("in/b.wav")
    Path("linked").symlink_to("in")
    refused = [
        (["in/a.wav", "-o", "in"], "in/a.wav is an input"),
        (["in/a.wav", "-o", "in/a.wav"], "in/a.wav is an input"),
        (["in/a.wav", "-o", "linked"], "linked/a.wav is an input"),
        (["in/b.wav", "in/a.wav", "-o", "in"], "is an input"),
        (["in", "-o", "in"], "all inputs lie in -o in"),
    ]
    for arguments, message in refused:
        assert message in bad_usage(capsys, "enhance", *arguments, *overwrite)
    assert pipeline.calls == []
    assert files("in") == ["a.wav", "b.wav"]
    assert Path("in/a.wav").read_bytes() == before


def test_two_inputs_for_one_output_are_refused_before_anything_is_done(pipeline, capsys):
    make_wav("a/x.wav")
    make_wav("b/x.wav")
    assert "a/x.wav and b/x.wav would both be written to out/x.wav" in bad_usage(
        capsys, "enhance", "a", "b", "-o", "out"
    )
    assert not Path("out").exists()
    assert pipeline.calls == []


@pytest.mark.parametrize(("flag", "name"), [("--report", "a.json"), ("--spectrogram", "a.png")])
def test_no_input_is_overwritten_by_what_is_written_beside_an_output(pipeline, capsys, flag, name):
    make_wav("a.wav")
    Path("in.d").mkdir()
    make_wav("b.wav").rename(Path("in.d", name))
    before = Path("in.d", name).read_bytes()
    message = bad_usage(capsys, "enhance", "a.wav", f"in.d/{name}", "-o", "in.d", flag, "--overwrite")
    assert f"in.d/{name} is an input, and would be overwritten" in message
    assert Path("in.d", name).read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("enhance -o out", "IN"),
        ("enhance a.wav", "-o"),
        ("enhance a.wav -o out --steps 0", "0 is not a whole number from 1 on"),
        ("enhance a.wav -o out --steps 2.5", "2.5 is not a whole number"),
        ("enhance a.wav -o out --guidance-scale -1", "-1 is not a number from 0 on"),
        ("enhance a.wav -o out --guidance-scale nan", "nan is not a number from 0 on"),
        ("enhance a.wav -o out --eta 2", "2 is not a number from 0 to 1"),
        ("enhance a.wav -o out --on-full-band perhaps", "perhaps"),
        ("enhance a.wav -o out --format mp3", "mp3"),
        ("enhance a.wav -o out --format flac --sample-format float", "FLAC has no sample format FLOAT"),
        ("enhance a.wav -o out --format ogg --sample-format pcm16", "OGG has no sample format PCM_16"),
        ("enhance a.wav -o out.mp3", "can't write .mp3"),
        ("enhance a.wav -o out.flac --format wav", "-o out.flac does not end in .wav"),
        ("enhance a.wav b.wav -o out.wav", "-o out.wav is one file, but there are 2 inputs"),
        ("enhance a.wav -o notes.txt", "-o notes.txt is a file"),
    ],
)
def test_bad_usage_is_one_line(pipeline, capsys, arguments, message):
    make_wav("a.wav")
    make_wav("b.wav")
    Path("notes.txt").touch()
    assert message in bad_usage(capsys, *arguments.split())
    assert files() == ["a.wav", "b.wav", "notes.txt"]


def test_a_model_that_cannot_be_loaded_is_bad_usage(capsys, monkeypatch):
    def fail(name):
        raise OSError(f"no model\n  called {name}")

    monkeypatch.setattr(AudioSRPipeline, "from_pretrained", fail)
    make_wav("a.wav")
    message = bad_usage(capsys, "enhance", "a.wav", "-o", "out", "--model", "someone/nix")
    assert message.startswith(
        "audiosr-pipeline: --model someone/nix can't be loaded: no model called someone/nix. It is"
    )


def test_a_device_that_is_not_there_is_bad_usage(tiny_pipeline, capsys, monkeypatch):
    monkeypatch.setattr(AudioSRPipeline, "from_pretrained", lambda name: tiny_pipeline)
    make_wav("a.wav")
    assert "abacus" in bad_usage(capsys, "enhance", "a.wav", "-o", "out", "--device", "abacus")


# Bad input


def test_bad_files_are_named_in_one_line_each_and_the_others_are_done(pipeline, capsys):
    make_wav("in/a.wav")
    make_wav("in/z.wav")
    Path("in/empty.wav").touch()
    Path("in/text.wav").write_text("This is a diary. " * 20)
    Path("in/cut.wav").write_bytes(make_wav("whole.wav").read_bytes()[:-8_000])
    Path("in/song.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    soundfile.write("in/nothing.wav", np.zeros((0, 1)), 8_000)
    Path("folder").mkdir()
    assert run("enhance", "in", "missing.wav", "no*.wav", "folder", "-o", "out") == 1
    assert files("out") == ["a.wav", "z.wav"]
    out, err = capsys.readouterr()
    assert lines(out)[-1] == "2 enhanced, 0 silent, 0 left alone, 0 already done, 8 failed"
    expected = {
        "folder": "a folder without audio files",
        "in/cut.wav": "truncated or damaged: its header promises 8000 samples (1.00 s), 4000 samples (0.50 s)",
        "in/empty.wav": "is empty (0 bytes)",
        "in/nothing.wav": "holds no samples",
        "in/song.m4a": "truncated, or its recording was never finished",
        "in/text.wav": "not readable as audio",
        "missing.wav": "no such file or directory",
        "no*.wav": "no such file or directory",
    }
    assert len(lines(err)) == len(expected)
    for line, (name, reason) in zip(lines(err), expected.items(), strict=True):
        assert line.startswith(f"audiosr-pipeline: {name}: {reason}")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("audio has a sample that is NaN"), "a.wav: audio has a sample that is NaN"),
        (RuntimeError("out of memory\nwhile trying"), "a.wav: RuntimeError: out of memory while trying"),
        (MemoryError(), "a.wav: MemoryError: "),
    ],
)
def test_whatever_goes_wrong_with_a_file_the_others_are_done(pipeline, capsys, error, line):
    make_wav("a.wav")
    make_wav("b.wav")
    pipeline.raises = {1: error}
    assert run("enhance", "a.wav", "b.wav", "-o", "out", "--report") == 1
    assert files("out") == ["b.json", "b.wav"]
    assert capsys.readouterr().err == f"audiosr-pipeline: {line}\n"


def test_nan_in_a_file_is_named_with_its_position(tiny_pipeline, capsys, monkeypatch):
    monkeypatch.setattr(AudioSRPipeline, "from_pretrained", lambda name: tiny_pipeline)
    audio = np.zeros((1, 8_000), np.float32)
    audio[0, 4_000] = np.nan
    soundfile.write("a.wav", audio.T, 8_000, subtype="FLOAT")
    assert run("enhance", "a.wav", "-o", "out") == 1
    err = capsys.readouterr().err
    assert err.startswith("audiosr-pipeline: a.wav: ")
    assert "4000" in err
    assert err.count("\n") == 1


def test_an_output_that_cannot_be_written_fails_that_file(pipeline, capsys):
    make_wav("in/deep/a.wav")
    make_wav("in/b.wav")
    Path("out").mkdir()
    Path("out/deep").write_text("in the way")
    assert run("enhance", "in", "-o", "out") == 1
    assert files("out") == ["b.wav", "deep"]
    assert capsys.readouterr().err.startswith("audiosr-pipeline: in/deep/a.wav: ")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are Unicode there")
def test_a_file_name_that_is_no_text_is_done_and_printed(pipeline, capsys):
    name = os.fsdecode(b"caf\xe9.wav")
    make_wav("a.wav").rename(name)
    assert run("enhance", name, "-o", "out", "--report", "--spectrogram") == 0
    assert len(files("out")) == 3
    assert "caf\\udce9.wav" in capsys.readouterr().out


# Interruption


@pytest.mark.parametrize("place", ["pipeline", "write_audio", "save_spectrograms"])
def test_an_interruption_leaves_no_half_file_and_the_next_run_goes_on(pipeline, capsys, monkeypatch, place):
    make_wav("in/a.wav")
    make_wav("in/b.wav")
    make_wav("in/c.wav")
    command = ["enhance", "in", "-o", "out", "--report", "--spectrogram"]
    with monkeypatch.context() as patch:
        if place == "pipeline":
            pipeline.raises = {2: KeyboardInterrupt()}
        else:
            interrupt_second_call(patch, spectrogram if place == "save_spectrograms" else enhance_file, place)
        assert run(*command) == 130
    assert files("out") == ["a.json", "a.png", "a.wav"]
    message = "audiosr-pipeline: interrupted after 1 of 3 files; the same command goes on from there\n"
    assert capsys.readouterr().err == message
    pipeline.raises = {}
    assert run(*command) == 0
    assert len(files("out")) == 9
    assert lines(capsys.readouterr().out)[-1] == "2 enhanced, 0 silent, 0 left alone, 1 already done, 0 failed"


def interrupt_second_call(patch: pytest.MonkeyPatch, module: ModuleType, name: str) -> None:
    """Has a function of a module do its work and then be interrupted, the second time."""
    function, calls = getattr(module, name), []

    def interrupted(*arguments, **options):
        calls.append(arguments)
        function(*arguments, **options)
        if len(calls) == 2:
            # As if in the middle: the work of `write_audio` is seen only once it is done.
            if name == "write_audio":
                Path(arguments[0]).unlink()
            raise KeyboardInterrupt

    patch.setattr(module, name, interrupted)


def test_an_interrupted_overwrite_keeps_the_old_output(pipeline, capsys):
    make_wav("a.wav")
    assert run("enhance", "a.wav", "-o", "out") == 0
    before = Path("out/a.wav").read_bytes()
    pipeline.raises = {2: KeyboardInterrupt()}
    assert run("enhance", "a.wav", "-o", "out", "--overwrite") == 130
    assert Path("out/a.wav").read_bytes() == before
    assert "the same command starts over, because of --overwrite" in capsys.readouterr().err


# With a real pipeline


def test_the_file_holds_what_the_pipeline_returns(real):
    source = make_wav("a.wav", sampling_rate=16_000, channels=2, peak=0.1)
    options = ["--sample-format", "float", "--seed", "3", "--report", "--spectrogram"]
    assert run("enhance", "a.wav", "-o", "out", *options) == 0
    output = real(str(source), generator=torch.Generator().manual_seed(3))
    assert np.array_equal(read_audio("out/a.wav")[0], output.audios[0])
    report = json.loads(Path("out/a.json").read_text())
    assert report.items() >= json.loads(json.dumps(output.reports[0].to_dict())).items()
    assert report["seed"] == 3


def test_the_seed_decides_and_the_other_files_do_not(real):
    make_wav("a.wav", sampling_rate=16_000, peak=0.1)
    make_wav("0.wav", sampling_rate=16_000, peak=0.2)
    assert run("enhance", "a.wav", "-o", "alone") == 0
    assert run("enhance", "0.wav", "a.wav", "-o", "together") == 0
    assert run("enhance", "a.wav", "-o", "other", "--seed", "1") == 0
    alone, together, other = (Path(folder, "a.wav").read_bytes() for folder in ("alone", "together", "other"))
    assert alone == together
    assert alone != other


def test_full_band_error_fails_the_file(real, capsys):
    make_wav("a.wav", sampling_rate=48_000)
    assert run("enhance", "a.wav", "-o", "out", "--on-full-band", "error") == 1
    assert "a.wav: the clip is full band" in capsys.readouterr().err
    assert run("enhance", "a.wav", "-o", "out") == 0
    assert np.array_equal(read_audio("out/a.wav")[0], read_audio("a.wav")[0])


def test_silence_is_counted(real, capsys):
    write_audio("a.wav", np.zeros((1, 8_000), np.float32), 8_000)
    assert run("enhance", "a.wav", "-o", "out", "--report") == 0
    assert not read_audio("out/a.wav")[0].any()
    assert lines(capsys.readouterr().out)[-1] == "0 enhanced, 1 silent, 0 left alone, 0 already done, 0 failed"

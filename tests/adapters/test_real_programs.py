"""Speech and music programs that carry their voices with them: from text or notes to 48 kHz, in a line each.

Where a program isn't installed its test is skipped. Debian's espeak-ng, flite and festival have the commands;
pretty_midi, samtts and pyopenjtalk-plus are on PyPI.
"""

import shutil
import subprocess

import numpy as np
import pytest

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.adapters import with_super_resolution
from tests.adapters.tiny import rms

TEXT = "Rain on a tin roof."


@pytest.fixture(scope="module")
def audiosr():
    pipe = AudioSRPipeline.from_pretrained("audiosr-mini")
    pipe.set_progress_bar_config(disable=True)
    return pipe


def command(name: str) -> None:
    """Skips the test without a command."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")


def check(audio, reports, sampling_rate: int, action: str = "enhanced") -> None:
    """Speech of half a second or more came in at a rate, and is taken to 48 kHz with a band above its own."""
    (report,) = reports
    assert (report.sampling_rate, report.action) == (sampling_rate, action)
    assert audio.ndim == 1 and len(audio) == round(report.duration_s * 48_000) > 24_000
    assert np.isfinite(audio).all() and rms(audio) > 0.01
    if action == "enhanced":
        assert report.low_band_error_db < -50 and report.bandwidth < sampling_rate / 2


def test_espeak_ng(audiosr):
    command("espeak-ng")

    def speak(text):
        return subprocess.run(["espeak-ng", "--stdout", text], capture_output=True, check=True).stdout

    out = with_super_resolution(speak, audiosr)(TEXT)
    check(out["audio"], out["reports"], 22_050)


def test_flite(audiosr, tmp_path):
    command("flite")

    def speak(text):
        subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", tmp_path / "flite.wav"], check=True)
        return tmp_path / "flite.wav"

    out = with_super_resolution(speak, audiosr)(TEXT)
    check(out["audio"], out["reports"], 16_000)


def test_festival(audiosr, tmp_path):
    command("text2wave")

    def speak(text):
        subprocess.run(["text2wave", "-o", tmp_path / "festival.wav"], input=text.encode(), check=True)
        return tmp_path / "festival.wav"

    out = with_super_resolution(speak, audiosr)(TEXT)
    check(out["audio"], out["reports"], 16_000)


def test_pretty_midi(audiosr):
    pretty_midi = pytest.importorskip("pretty_midi", reason="pretty_midi is not installed")
    song = pretty_midi.PrettyMIDI()
    song.instruments.append(pretty_midi.Instrument(program=0))
    song.instruments[0].notes += [pretty_midi.Note(100, 60 + step, step / 8, step / 8 + 0.3) for step in (0, 4, 7)]
    out = with_super_resolution(song.synthesize, audiosr, sampling_rate=22_050)(fs=22_050)
    check(out, out.reports, 22_050)
    # Or behind the song, whose other methods are its own.
    wrapped = with_super_resolution(song, audiosr, sampling_rate=22_050)
    assert wrapped.synthesize(fs=22_050).shape == out.shape and wrapped.get_end_time() == song.get_end_time()


def test_samtts(audiosr):
    samtts = pytest.importorskip("samtts", reason="samtts is not installed")
    engine = samtts.SamTTS()

    # Its bytes are bare samples of 8 bits.
    def speak(text):
        return np.frombuffer(engine.get_audio_data(text), np.uint8)

    out = with_super_resolution(speak, audiosr, sampling_rate=22_050)(TEXT)
    check(out, out.reports, 22_050)
    with pytest.raises(ValueError, match=r"a bytearray of \d+ bytes, .*np.frombuffer"):
        with_super_resolution(engine.get_audio_data, audiosr, sampling_rate=22_050)(TEXT)


def test_open_jtalk(audiosr):
    pyopenjtalk = pytest.importorskip("pyopenjtalk", reason="pyopenjtalk-plus is not installed")

    # Its floats have the range of 16-bit integers.
    def speak(text):
        audio, sampling_rate = pyopenjtalk.tts(text)
        return audio / 32_768, sampling_rate

    out = with_super_resolution(speak, audiosr)("雨が降っています。")
    check(out[0], out.reports, 48_000, out.reports[0].action)
    with pytest.warns(UserWarning, match="where floats have 1 as full scale"):
        with_super_resolution(pyopenjtalk.tts, audiosr)("雨")

"""The streaming network that ships with the package, on an example."""

from pathlib import Path

import numpy as np

from audiosr_pipeline import StreamingAudioSR
from audiosr_pipeline.audio_io import read_audio
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.pipelines.bundled import WEIGHTS

EXAMPLES = Path(__file__).parents[2] / "examples"
NAME = "audiosr-mini-streaming"


def band(audio: np.ndarray, low: float, high: float) -> np.ndarray:
    """What lies between two frequencies."""
    spectrum = np.fft.rfft(audio)
    frequencies = np.fft.rfftfreq(len(audio), 1 / 48_000)
    return np.fft.irfft(spectrum * ((frequencies >= low) & (frequencies < high)), n=len(audio))


def levels(audio: np.ndarray) -> np.ndarray:
    """Power in blocks of 20 ms, in dB, no lower than -100 dB."""
    blocks = audio[: len(audio) // 960 * 960].reshape(-1, 960)
    return 10 * np.log10(np.mean(blocks**2, axis=1) + 1e-10)


def test_it_is_small():
    assert sum(path.stat().st_size for path in (WEIGHTS / NAME).iterdir()) <= 10e6


def test_speech_gets_highs_that_follow_it_and_keeps_its_own_band():
    audio, rate = read_audio(EXAMPLES / "speech_22khz.wav")
    audio = audio[0, : 3 * rate]
    with StreamingAudioSR(NAME, rate, cutoff_freq=10_400) as stream:
        output = np.concatenate([stream.push(audio), stream.flush()])[stream.latency_samples :]
    own = resample(audio[None], rate, 48_000)[0][: len(output)]
    # The resamplers differ at the top of the band.
    error, kept = (band(each, 0, 9_500) for each in (output[: len(own)] - own, own))
    assert np.sum(error**2) < 1e-5 * np.sum(kept**2)
    highs, top = levels(band(output, 12_000, 23_000)), levels(band(output, 5_000, 10_000))
    spoken = top > -60
    # Fricatives are bright and vowels dark: the highs follow the band below, on the whole 5 to 30 dB lower.
    assert np.corrcoef(highs[spoken], top[spoken])[0, 1] > 0.7
    assert 3 < np.median(top[spoken] - highs[spoken]) < 35

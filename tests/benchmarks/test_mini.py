"""The table of audiosr-mini: its systems, and what is written."""

import csv
import re

import numpy as np
import pytest

from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.dsp.lowpass import lowpass
from benchmarks import mini
from tests.signals import band_limited, noise, rms

CUTOFF_FREQ = 4_000
CLIP = 0.5 * noise(1.0, seed=3, tilt_db=-3)
INPUT = lowpass(CLIP, CUTOFF_FREQ)
# Frequency and level: falling by 12 dB from 0 to 24 kHz.
SPECTRUM = np.array([[0.0, 0.0], [24_000.0, -12.0]])


@pytest.mark.parametrize("following", [False, True])
def test_shaped_noise_leaves_the_band_below_the_cutoff_and_has_the_spectrum_above(following):
    noisy = mini.add_noise(INPUT, CUTOFF_FREQ, SPECTRUM, following, seed=0)
    added = noisy - INPUT
    # A gain that changes every 20 ms spreads the band's edge by some 50 Hz.
    assert rms(band_limited(added, 0.9 * CUTOFF_FREQ)) < 0.02 * rms(added)
    power = np.abs(np.fft.rfft(added[0])) ** 2
    levels_db = [10 * np.log10(power[start : start + 2_000].mean()) for start in (5_000, 21_000)]
    # 16 kHz apart on a line of 12 dB per 24 kHz; a mean of 2000 bins of noise is within 0.2 dB, windows blur a little.
    assert levels_db[0] - levels_db[1] == pytest.approx(8.0, abs=0.5)


def test_following_noise_is_silent_where_the_clip_is():
    audio = INPUT.copy()
    audio[:, 24_000:] = 0
    added = mini.add_noise(audio, CUTOFF_FREQ, SPECTRUM, following=True, seed=0) - audio
    # The octave that sets the level rings where the clip is cut off.
    assert rms(added[:, 26_000:-2_000]) < 0.02 * rms(added[:, :24_000])


def test_the_own_condition_gives_what_the_pipeline_gives_and_another_gives_something_else(tiny_pipeline):
    own = mini.generate(tiny_pipeline, INPUT, 5, mini.Results())[0]
    assert np.array_equal(mini.generate_from_another(tiny_pipeline, INPUT, INPUT, seed=5), own)
    other = lowpass(0.1 * noise(0.4, seed=4), CUTOFF_FREQ)
    shuffled = mini.generate_from_another(tiny_pipeline, INPUT, other, seed=5)
    assert shuffled.shape == INPUT.shape
    assert rms(band_limited(shuffled - own, 3_000)) < 1e-3 * rms(own)
    assert rms(shuffled - own) > 1e-3 * rms(own - INPUT)


def results_of(own: list[float], shuffled: list[float]) -> mini.Results:
    """One score, "lsd", of each clip under its own and under another's condition."""
    rows = [
        {"cutoff_freq": CUTOFF_FREQ, "system": system, "clip": str(clip), "lsd": score}
        for system, scores in ((mini.OWN[0], own), (mini.SHUFFLED[0], shuffled))
        for clip, score in enumerate(scores)
    ]
    return mini.Results(rows=rows)


def test_another_condition_s_difference_is_paired_by_clip():
    # The clips differ by 100, which an unpaired interval would show.
    own = 100.0 * np.arange(40)
    results = results_of(list(own), list(own + 0.5 + 0.1 * (-1) ** np.arange(40)))
    shown = mini.shuffled_less_own(results, CUTOFF_FREQ, 0, "lsd")
    middle, low, high = map(float, re.fullmatch(r"(\S+) \[(\S+), (\S+)\]", shown).groups())
    # 1.96 standard errors of the mean are 0.031; two decimals are shown.
    assert (middle, low, high) == pytest.approx((0.5, 0.469, 0.531), abs=0.011)
    assert shown == mini.shuffled_less_own(results, CUTOFF_FREQ, 0, "lsd")


def test_clips_without_a_score_are_left_out_of_the_difference():
    results = results_of([1.0, np.nan, 2.0], [2.0, 5.0, 3.0])
    assert mini.shuffled_less_own(results, CUTOFF_FREQ, 0, "lsd") == "+1.00 [+1.00, +1.00]"
    results = results_of([1.0, np.nan], [2.0, 5.0])
    assert mini.shuffled_less_own(results, CUTOFF_FREQ, 0, "lsd") == "- (fewer than two clips)"


def test_the_training_spectrum_is_the_mean_of_the_clips_spectra(tmp_path):
    for name, amplitude in (("loud", 0.1), ("quiet", 0.01)):
        write_audio(tmp_path / f"{name}.wav", noise(2.0, amplitude=amplitude), 48_000, "FLOAT")
    spectrum = mini.training_spectrum(sorted(tmp_path.glob("*.wav")))
    assert spectrum.shape == (257, 2) and spectrum[-1, 0] == 24_000
    # The mean of the logarithm of noise lies 2.5 dB below the logarithm of its mean; 10 dB is half of the 20 between.
    power_db = 10 * np.log10(0.1**2 * (np.hanning(513)[:-1] ** 2).sum())
    assert spectrum[1:-1, 1].mean() == pytest.approx(power_db - 2.5 - 10, abs=0.3)


def test_every_clip_has_its_own_seeds_and_the_shuffled_condition_begins_with_the_same_noise(tiny_pipeline, monkeypatch):
    seeds = []
    make = tiny_pipeline.prepare_latents

    def prepare_latents(num_latent_frames, generator, *rest):
        seeds.append(generator.initial_seed())
        return make(num_latent_frames, generator, *rest)

    monkeypatch.setattr(tiny_pipeline, "prepare_latents", prepare_latents)
    monkeypatch.setattr(mini, "CUTOFF_FREQS", (CUTOFF_FREQ,))
    mini.measure(dict.fromkeys("ab", CLIP[:, :24_000]), tiny_pipeline, SPECTRUM)
    own, shuffled = seeds[:4], seeds[4:]
    assert own == shuffled == [0, 1, 2, 3]


def test_the_table_names_every_system_and_its_rows_stand_beside_it(tiny_pipeline, tmp_path, monkeypatch, capsys):
    (tmp_path / "clips").mkdir()
    for index in range(2):
        write_audio(tmp_path / "clips" / f"{index}.wav", 0.5 * noise(0.6, seed=index, tilt_db=-3), 48_000, "PCM_16")
    np.savetxt(tmp_path / "spectrum.csv", SPECTRUM, delimiter=",")
    monkeypatch.setattr(mini.AudioSRPipeline, "from_pretrained", lambda checkpoint: tiny_pipeline)
    output = tmp_path / "results" / "mini.md"
    arguments = ["--data", str(tmp_path / "clips"), "--training-spectrum", str(tmp_path / "spectrum.csv")]
    mini.print_table([*arguments, "--output", str(output)])
    table = output.read_text()
    assert capsys.readouterr().out.strip() == table.strip()
    assert all(table.count(f"| {system} |") == len(mini.CUTOFF_FREQS) for system in mini.SYSTEMS)
    assert table.count("- seed 0: LSD-HF below edge") == table.count("- seed 1: LSD-HF below edge") == 2
    assert str(tmp_path) not in table
    with open(output.with_suffix(".csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(mini.SYSTEMS) * len(mini.CUTOFF_FREQS)
    assert output.with_suffix(".png").stat().st_size > 10_000

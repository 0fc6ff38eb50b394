"""The pictures show what is in the sound, on one scale."""

import tracemalloc

import numpy as np
import pytest
from matplotlib import image
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from audiosr_pipeline.spectrogram import MAX_FRAMES, save_spectrogram_sheet, save_spectrograms, spectrogram_db


def tone(frequency: float, sampling_rate: int, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(round(seconds * sampling_rate)) / sampling_rate
    return np.sin(2 * np.pi * frequency * time).astype(np.float32)[None]


@pytest.mark.parametrize("sampling_rate", [8_000, 22_050, 48_000, 192_000])
def test_a_full_scale_sine_has_0_db_at_its_frequency_at_every_rate(sampling_rate):
    power_db = spectrogram_db(tone(3_000, sampling_rate), sampling_rate)
    # Without the frames that reach over the ends.
    middle = power_db[:, 10:-10].mean(1)
    frequencies = np.linspace(0, sampling_rate / 2, len(middle))
    assert frequencies[middle.argmax()] == pytest.approx(3_000, abs=24)
    # Between two bins a Hann window reads 1.4 dB low.
    assert -1.5 < middle.max() < 0.1


@pytest.mark.parametrize("sampling_rate", [16_000, 44_100])
def test_noise_of_one_density_has_one_level_at_every_rate(sampling_rate):
    rng = np.random.default_rng(0)
    # Power in proportion to the band.
    low, high = (
        spectrogram_db(np.sqrt(rate) * rng.standard_normal((1, 2 * rate)).astype(np.float32), rate)[5:-5].mean()
        for rate in (sampling_rate, 48_000)
    )
    # Averages of some 10^5 values whose spread is 6 dB, and windows rounded to an even number of samples.
    assert low == pytest.approx(high, abs=0.1)


def test_silence_has_no_level():
    assert (spectrogram_db(np.zeros((2, 48_000), np.float32), 48_000) == -200).all()


@pytest.mark.parametrize("num_samples", [1, 100, 2_048])
def test_short_clips_have_a_spectrogram(num_samples):
    assert np.isfinite(spectrogram_db(np.ones((1, num_samples), np.float32), 48_000)).all()


def test_the_channels_do_not_cancel():
    left = tone(3_000, 48_000)
    assert np.allclose(spectrogram_db(np.concatenate([left, -left]), 48_000), spectrogram_db(left, 48_000))


def test_memory_does_not_grow_with_the_length():
    audio = np.zeros((1, 48_000 * 600), np.float32)
    tracemalloc.start()
    power_db = spectrogram_db(audio, 48_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert power_db.shape[1] == MAX_FRAMES
    # Frames, their indices and spectra; ten minutes themselves are 115 MB.
    assert peak < 150e6


@pytest.fixture
def panels(monkeypatch) -> list[Axes]:
    """The panels of the figure that is saved next."""
    saved: list[Axes] = []
    save = Figure.savefig

    def keep(figure, *arguments, **options):
        saved.extend(axes for axes in figure.axes if axes.images)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return saved


def levels(panel: Axes) -> np.ndarray:
    """What a panel shows, in dB below the loudest point of the picture; the range of colours is the same for all."""
    assert panel.images[0].get_clim() == (-100, 0)
    return np.asarray(panel.images[0].get_array())


def test_the_panels_share_time_and_frequency_at_any_rate(tmp_path, panels):
    save_spectrograms(
        tmp_path / "a.png", {"before": (tone(1_000, 8_000), 8_000), "after": (tone(1_000, 48_000), 48_000)}
    )
    assert image.imread(tmp_path / "a.png").shape[1] == 1_440
    assert [panel.get_title("left") for panel in panels] == ["before", "after"]
    for panel, nyquist_khz in zip(panels, (4, 24), strict=True):
        assert (panel.get_xlim(), panel.get_ylim()) == ((0, 1), (0, 24))
        assert panel.images[0].get_extent() == [0, 1, 0, nyquist_khz]


def test_the_panels_share_one_scale(tmp_path, panels):
    loud = tone(12_000, 48_000)
    save_spectrograms(tmp_path / "a.png", {"before": (1e-3 * loud, 48_000), "after": (loud, 48_000)})
    assert [levels(panel).max() for panel in panels] == pytest.approx([-60, 0], abs=0.01)


def test_silence_is_dark(tmp_path, panels):
    silence = np.zeros((1, 8_000), np.float32)
    save_spectrograms(tmp_path / "a.png", {"before": (silence, 8_000), "after": (silence, 48_000)})
    assert all((levels(panel) == -100).all() for panel in panels)


def test_a_sheet_has_a_row_per_recording_with_a_scale_of_its_own(tmp_path, panels):
    loud, quiet = (tone(5_000, 48_000), 48_000), (1e-3 * tone(5_000, 48_000), 48_000)
    rows = {name: {"before": quiet, "after": clip, "truth": clip} for name, clip in [("rain", loud), ("dog", quiet)]}
    save_spectrogram_sheet(tmp_path / "a.png", rows, title="a sheet")
    assert [panel.get_title() for panel in panels[:3]] == ["before", "after", "truth"]
    assert [panel.get_ylabel() for panel in panels[::3]] == ["rain\nkHz", "dog\nkHz"]
    assert [levels(panel).max() for panel in panels] == pytest.approx([-60, 0, 0, 0, 0, 0], abs=0.01)


def test_any_file_name_can_be_a_title(tmp_path):
    """Names hold dollar signs, which matplotlib takes for formulas, and bytes that are no characters."""
    save_spectrograms(tmp_path / "a.png", {"$x": (tone(1_000, 8_000), 8_000)}, title="5$ \udce9 $\\bad$.wav")
    assert (tmp_path / "a.png").exists()

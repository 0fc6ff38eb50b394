"""The true edge, on signals that were coded in a way that is known."""

import numpy as np
import pytest

from benchmarks.edges import Row, align, tabulate, true_edge
from benchmarks.encoders import ENCODERS, Encoder
from tests.signals import band_limited, noise


@pytest.mark.parametrize("delay", [0, 700, -300])
def test_alignment_undoes_a_delay(delay):
    audio = noise(1.0)[0]
    given = audio[-delay:] if delay < 0 else np.pad(audio, (delay, 0))
    original, decoded = align(audio, given)
    assert np.array_equal(original, decoded) and len(original) > 47_000


@pytest.mark.parametrize("cutoff_freq", [4_000, 12_000, 20_000])
def test_what_was_made_up_is_not_held(cutoff_freq):
    audio = noise(3.0)
    made_up = noise(3.0, seed=1)
    low = band_limited(audio, cutoff_freq)
    for coded in (low, low + made_up - band_limited(made_up, cutoff_freq)):
        # Half the smoothing over 200 Hz and an STFT bin.
        assert true_edge(audio[0], np.pad(coded[0], (529, 0))) == pytest.approx(cutoff_freq, abs=125)


def test_what_is_20_db_down_is_not_held():
    audio = noise(3.0)
    low = band_limited(audio, 8_000)
    assert true_edge(audio[0], (low + 0.05 * (audio - low))[0]) == pytest.approx(8_000, abs=125)
    assert true_edge(audio[0], (low + 0.2 * (audio - low))[0]) > 23_500


def test_the_table_marks_misses_and_what_is_said():
    rows = [
        Row("a", "1 kbit/s", "x", 4_000, 4_400, "enhanced", ""),
        Row("a", "1 kbit/s", "y", 4_000, 20_000, "left_alone", "pass cutoff_freq (--cutoff-freq)"),
        Row("a", "2 kbit/s", "x", 4_000, 20_000, "left_alone", ""),
        Row("a", "2 kbit/s", "y", 4_000, 20_000, "left_alone", "ends in a wall of 20 dB; pass cutoff_freq"),
    ]
    assert list(tabulate(rows))[2:] == [
        "| a 1 kbit/s | 4.0 4.4 | **4.0 20.0**\\* | 1 | 0 |",
        "| a 2 kbit/s | **4.0 20.0** | **4.0 20.0**° | 2 | 1 |",
    ]


def test_missing_programs_are_named():
    encoder = Encoder("none", "no-such-program {input} && sox {input}", ("1",), decode="no-such-decoder {coded}")
    assert encoder.programs == ("no-such-program", "sox", "no-such-decoder")
    assert {"no-such-program", "no-such-decoder"} <= set(encoder.missing())
    assert all(encoder.programs for encoder in ENCODERS)

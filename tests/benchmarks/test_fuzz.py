"""The fuzzer: its cases can be repeated, and what breaks a promise is noticed."""

import numpy as np
import pytest
import torch

from benchmarks.fuzz import Fuzzer, _broken_by_clip, described, main
from benchmarks.fuzz_cases import draw_case
from tests.signals import noise


def test_a_case_is_a_function_of_the_seed_and_its_number(tmp_path):
    for number in range(40):
        first, again = (draw_case(3, number, str(tmp_path)) for _ in range(2))
        assert described(first) == described(again)
        assert all(map(np.array_equal, first.clips, again.clips))
    assert described(draw_case(4, 7, str(tmp_path))) != described(draw_case(3, 7, str(tmp_path)))


class Report:
    """What is said of an enhanced clip."""

    action, notes, low_band_error_db, bandwidth = "enhanced", (), -90.0, 4_000.0


@pytest.mark.parametrize(
    ("spoil", "promise"),
    [
        (lambda audio, band: None, None),
        (lambda audio, band: audio.__imul__(0.99), "differs from the input by -40"),
        (lambda audio, band: band[1].__iadd__(0.1), "opposite of 0"),
        (lambda audio, band: band[:, 20_000].__iadd__(1), "sounds in the silence"),
    ],
    ids=["kept", "level", "opposite", "silence"],
)
def test_what_breaks_a_promise_is_noticed(spoil, promise, tmp_path):
    case = draw_case(0, 0, str(tmp_path))
    case.sampling_rate = 48_000
    clip = noise(0.6)
    clip[:, 15_000:25_000] = 0
    clip = np.concatenate([clip, -clip])
    audio, band = clip.copy(), np.zeros_like(clip)
    spoil(audio, band)
    broken = list(_broken_by_clip(audio, band, clip, clip, Report, case))
    assert broken == [] if promise is None else any(promise in text for text in broken)


def test_an_error_that_is_no_value_error_is_noticed(tmp_path, monkeypatch):
    fuzzer = Fuzzer(0, str(tmp_path))

    def fail(*arguments, **options):
        raise TypeError("not expected")

    _, pipe = fuzzer.draw(0)
    monkeypatch.setattr(type(pipe), "__call__", fail)
    assert fuzzer.run(0)[1].broken == ("raised TypeError: not expected",)


def test_it_prints_what_it_tried_and_writes_it(tmp_path, capsys):
    state = torch.get_rng_state()
    main(["--calls", "3", "--output", str(tmp_path / "fuzz.md")])
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "fuzz.md").read_text() and "3 cases tried, promises broken: " in printed
    main(["--only", "1"])
    assert "scheduler" in printed and capsys.readouterr().out
    torch.set_rng_state(state)

"""A study small enough to be answered in seconds, of noise and tones."""

from pathlib import Path

from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.study.page import write_page
from tests.signals import noise, tone

STUDY = "0123456789abcdef"
TITLE = "Sounds & <b>sounds</b></script>"


def stimulus_name(index: int) -> str:
    """A name as the build gives them."""
    return f"{index:012x}"


def small_study(num_pairs: int = 2, num_ratings: int = 1, seconds: float = 1.0) -> dict:
    """A study with a training trial before the pairs, and two forms of which the second has the sides swapped."""
    names = [stimulus_name(index) for index in range(2 * (num_pairs + 1))]
    pairs = [
        {"trial": f"p{index:03}", "question": "preference", "training": index == 0, "a": first, "b": second}
        for index, (first, second) in enumerate(zip(names[::2], names[1::2], strict=True))
    ]
    swapped = [{**pair, "a": pair["b"], "b": pair["a"]} for pair in pairs]
    ratings = [
        {"trial": f"q{index:03}", "question": "quality", "training": False, "a": names[index]}
        for index in range(num_ratings)
    ]
    return {
        "study": STUDY,
        "title": TITLE,
        "forms": [pairs + ratings, swapped + ratings],
        "durations_s": dict.fromkeys(names, seconds),
    }


def write_small_study(folder: Path, **sizes) -> dict:
    """Writes the page of `small_study` into `folder/page`, and returns the study."""
    study = small_study(**sizes)
    audio = {}
    for index, (name, seconds) in enumerate(study["durations_s"].items()):
        signal = noise(seconds, seed=index, amplitude=0.05) if index % 2 else tone(440, seconds, amplitude=0.1)
        # Both formats that a build writes.
        audio[name] = folder / f"{name}{'.flac' if index % 3 else '.wav'}"
        write_audio(audio[name], signal, 48_000)
    write_page(folder / "page", study, audio)
    return study

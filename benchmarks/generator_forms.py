"""The form of what each known class of generators returns, before and after super-resolution.

The classes are real and made tiny, with random weights, as in the tests; so is the upscaler: of the sound nothing can
be said, only that lengths, rates and types are right and the generator's own band is kept.
"""

import torch

from audiosr_pipeline.adapters import read_output, with_super_resolution
from audiosr_pipeline.dsp.resample import resampled_length
from audiosr_pipeline.tables import markdown_table
from tests.adapters.cases import CASES
from tests.conftest import build_tiny_pipeline


def form_rows() -> list[list[str]]:
    """A row for each generator and way of calling it, as `forms_markdown` heads them."""
    audiosr = build_tiny_pipeline(default_num_inference_steps=1)
    rows = []
    for name, case in CASES.items():
        generator = case.build()
        wrapped = with_super_resolution(generator, audiosr, on_full_band="run")
        out = case.call(wrapped, generator=torch.Generator().manual_seed(0))
        audio = case.audio(out)
        items = out if isinstance(out, list) and type(out[0]) is dict else [out]
        reports = [
            report
            for item in items
            for report in (item["reports"] if type(item) is dict else item.reports)
            if report is not None
        ]
        rates = {item["sampling_rate"] if type(item) is dict else item.sampling_rate for item in items}
        # Clips without their padding, read back from what was returned.
        lengths = [round(report.duration_s * report.sampling_rate) for report in reports]
        expected = [resampled_length(length, case.sampling_rate, 48_000) for length in lengths]
        clips, _ = read_output(lambda: None, audio if isinstance(audio, list) else list(_batch(audio, reports)), 48_000)
        if rates != {48_000} or any(len(_mono(clip)) < length for clip, length in zip(clips, expected, strict=True)):
            raise AssertionError(f"{name}: {rates} Hz, {[clip.shape for clip in clips]} for {expected}")
        rows.append(
            [
                name,
                type(generator).__name__,
                type(out).__name__,
                f"{case.sampling_rate / 1000:g}",
                str(len(reports)),
                ", ".join(str(length) for length in lengths),
                ", ".join(str(length) for length in expected),
                f"{max(report.low_band_error_db for report in reports):.1f}",
            ]
        )
    return rows


def _batch(audio, reports):
    """A batch's clips; one clip as a batch of it."""
    return audio if len(audio) == len(reports) and audio.ndim > 1 else audio[None]


def _mono(clip):
    """The first channel."""
    return clip if clip.ndim == 1 else clip[0]


def forms_markdown() -> str:
    """The rows as a table."""
    header = [
        "Generator",
        "Class",
        "Returned",
        "Rate (kHz)",
        "Clips",
        "Samples",
        "Samples at 48 kHz",
        "Low-band error (dB)",
    ]
    lines = [
        "# What each class of generators returns, before and after",
        "",
        "Real classes made tiny, with random weights, and a tiny upscaler: form only (`python -m benchmarks.generators "
        "--forms`). Returned is the type after super-resolution; what can carry no attributes comes as a class derived "
        "from it.",
        "",
        *markdown_table(header, form_rows()),
    ]
    return "\n".join(lines) + "\n"

"""Calls of `AudioSRPipeline` at random, and whether each keeps its promises: `python -m benchmarks.fuzz`.

Each call is a function of the seed and its number (`benchmarks/fuzz_cases.py`). Most are of tiny random networks, one
in `MINI_EVERY` of `audiosr-mini`. Prints how many cases were tried of each kind, what became of them, and each promise
that was broken, with the number of its case, which `--only` repeats. Writes the same to a file.
"""

import argparse
import functools
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.utils import logging
from scipy import signal
from tqdm import tqdm

from audiosr_pipeline import AudioSRPipeline, AudioSRPipelineOutput
from audiosr_pipeline.dsp.resample import resample, resampled_length
from audiosr_pipeline.tables import markdown_table
from benchmarks.fuzz_cases import SCHEDULERS, Case, build_scheduler, draw_case
from benchmarks.machine import software_and_hardware
from tests.conftest import build_tiny_pipeline

MINI_EVERY = 400
# The tiny pipelines, in turn: plain, and with what `audiosr-mini` does beside denoising.
TINY_SETTINGS: tuple[dict[str, Any], ...] = (
    {"envelope_predictor": None},
    {},
    {"default_eta": 1.0},
    {"default_guidance_scale": 2.0, "window_s": 0.64},
)
# Every so many cases, the call is made again, or its first clip by itself.
REPEAT_EVERY, ALONE_EVERY = 8, 12
# Relative to the largest sample; networks add up batches of other sizes in another order.
BATCH_TOLERANCE = 1e-4
# The largest difference below the band edge, which is measured on clips with a few frames of an STFT.
LOW_BAND_ERROR_DB, SHORTEST_S = -50.0, 0.1
# Of the whole power, in the low band: less is what filters leave. A report then says how little there is.
LEAST_LOW_BAND, LEAST_LOW_POWER = 1e-8, 1e-2
# Digital silence of this length is silent in the new band too, less a margin for a fade of 5 ms and for what resampling
# leaves: at low rates so many periods of their Nyquist frequency.
SILENCE_S, MARGIN_S, FADE_S, RINGING_PERIODS = 0.08, 0.03, 0.005, 60
OUTPUT = Path(__file__).parent / "results/fuzz.md"


@dataclass(frozen=True)
class Result:
    """What became of a case: its outcome in words, the promises that it broke, and the seconds it took."""

    outcome: str
    broken: tuple[str, ...]
    seconds: float


class Fuzzer:
    """Draws cases of a seed and runs them, with files in a temporary folder."""

    def __init__(self, seed: int, folder: str):
        self.seed, self.folder = seed, folder

    @functools.cache  # noqa: B019 - one fuzzer lives as long as its program
    def _pipeline(self, name: int | str) -> AudioSRPipeline:
        if isinstance(name, str):
            pipe = AudioSRPipeline.from_pretrained(name)
        else:
            pipe = build_tiny_pipeline(**TINY_SETTINGS[name])
        pipe.set_progress_bar_config(disable=True)
        return pipe

    @functools.cache  # noqa: B019
    def _scheduler(self, name: str, of: int | str) -> Any:
        return build_scheduler(name, self._pipeline(of).scheduler.config)

    def draw(self, number: int) -> tuple[Case, AudioSRPipeline]:
        """A case, and the pipeline that it calls."""
        model = "audiosr-mini" if number % MINI_EVERY == MINI_EVERY - 1 else number % len(TINY_SETTINGS)
        case = draw_case(self.seed, number, self.folder)
        case.kinds["model"] = model if isinstance(model, str) else f"tiny {model}"
        original = self._scheduler(next(iter(SCHEDULERS)), model)
        pipe = self._pipeline(model)
        # Each has its own: another pipeline of the same networks would have other settings.
        pipe.scheduler = original if case.scheduler == "DDIM" else self._scheduler(case.scheduler, model)
        return case, pipe

    def run(self, number: int, show: bool = False) -> tuple[Case, Result]:
        """Runs a case; `show` prints the traceback of what it raises."""
        case, pipe = self.draw(number)
        start = time.perf_counter()
        outcome, broken = _outcome(case, pipe, show)
        return case, Result(outcome, tuple(broken), time.perf_counter() - start)


def _call(case: Case, pipe: AudioSRPipeline) -> AudioSRPipelineOutput:
    arguments = {"generator": case.generator(), **case.arguments}
    result: Any = pipe(case.audio, **arguments)
    return result if arguments["return_dict"] else AudioSRPipelineOutput(*result)


def _outcome(case: Case, pipe: AudioSRPipeline, show: bool) -> tuple[str, list[str]]:
    """What became of a case in words, and the promises that it broke."""
    before, state = _copies(case), torch.get_rng_state()
    broken: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            output = _call(case, pipe)
        except ValueError as error:
            if show:
                traceback.print_exc()
            outcome = "refused, as it has to be" if case.is_bad else _documented_refusal(case, str(error))
            broken += [] if outcome else [f"refused: {error}"]
            outcome = outcome or "refused"
        except Exception as error:
            if show:
                traceback.print_exc()
            outcome, broken = "another error", [f"raised {type(error).__name__}: {error}"]
        else:
            outcome = "/".join(sorted({report.action for report in output.reports}))
            broken += ["accepted what can't be"] if case.is_bad else _broken_by(output, case, pipe)
    messages = {str(warning.message) for warning in caught if _is_of_a_call(warning)}
    broken += [f"warned: {text}" for text in messages if not (case.is_loud and "peak is" in text)]
    if not all(map(_is_same, before, _copies(case))):
        broken.append("changed its input")
    if case.seeds and not torch.equal(state, torch.get_rng_state()):
        broken.append("drew from torch's own generator")
    return outcome, broken


def _is_of_a_call(warning: warnings.WarningMessage) -> bool:
    """Whether a warning is about what was called; what other libraries will change is theirs."""
    return not issubclass(warning.category, (DeprecationWarning, FutureWarning)) or "audiosr" in warning.filename


def _copies(case: Case) -> list[np.ndarray]:
    """The arrays of what is passed, copied."""
    audio = case.audio["audio"] if isinstance(case.audio, dict) and "audio" in case.audio else case.audio
    audio = getattr(audio, "audios", audio)
    parts = audio if isinstance(audio, list) else [audio]
    tensors = [part.float().numpy() if isinstance(part, torch.Tensor) else part for part in parts]
    return [part.copy() for part in tensors if isinstance(part, np.ndarray)]


def _is_same(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")


def _documented_refusal(case: Case, message: str) -> str | None:
    """Why a good call may end in this ValueError, or None if it may not."""
    if "less than one at" in message:
        lengths = [resampled_length(clip.shape[-1], case.sampling_rate, 48_000) for clip in case.clips]
        return "refused, too short for a sample at 48 kHz" if 0 in lengths else None
    if "full band" in message:
        return "refused, full band" if case.arguments["on_full_band"] == "error" else None
    if "louder than natural sound" in message:
        # Guidance makes what it amplifies as loud as it likes, and random networks give it anything.
        return "refused, too loud with guidance" if case.arguments.get("guidance_scale", 1) > 1 else None
    class_name, _ = SCHEDULERS[case.scheduler]
    return "refused, the scheduler can't" if case.scheduler != "DDIM" and class_name in message else None


def _broken_by(output: AudioSRPipelineOutput, case: Case, pipe: AudioSRPipeline) -> Iterator[str]:
    """The promises that an output breaks."""
    is_latent = case.arguments["output_type"] == "latent"
    audios, bands = _as_list(output.audios), _as_list(output.generated)
    if output.sampling_rate != 48_000 or not len(audios) == len(bands) == len(output.reports) == len(case.clips):
        yield f"{len(audios)} clips at {output.sampling_rate} Hz of {len(case.clips)}"
        return
    if not all(np.isfinite(audio).all() for audio in audios):
        yield "not finite"
        return
    if is_latent:
        return
    for index, (audio, band, report) in enumerate(zip(audios, bands, output.reports, strict=True)):
        clip = case.clips[index]
        shape = (len(clip), resampled_length(clip.shape[-1], case.sampling_rate, 48_000))
        if audio.dtype != np.float32 or audio.shape != (shape[1:] if case.flat else shape) or band.shape != audio.shape:
            yield f"clip {index}: {audio.dtype} {audio.shape} of {clip.shape} at {case.sampling_rate} Hz"
            continue
        own = resample(clip, case.sampling_rate, 48_000)
        for promise in _broken_by_clip(np.atleast_2d(audio), np.atleast_2d(band), own, clip, report, case):
            yield f"clip {index}: {promise}"
    if case.number % REPEAT_EVERY == 0 and case.seeds:
        again = _as_list(_call(case, pipe).audios)
        if not all(map(np.array_equal, audios, again)):
            yield "the same generators gave other audio"
    if case.number % ALONE_EVERY == 1 and len(case.seeds) > 1:
        generator = torch.Generator().manual_seed(case.seeds[0])
        arguments = {**case.arguments, "generator": generator, "return_dict": True, "output_type": "np"}
        clip = case.clips[0]
        arguments["sampling_rate"] = case.sampling_rate
        (alone,) = _as_list(pipe([clip[0] if case.flat else clip], **arguments).audios)
        difference, peak = np.abs(alone - audios[0]).max(), np.abs(alone).max()
        if difference > BATCH_TOLERANCE * peak:
            yield f"by itself, the first clip differs by {difference / peak:.1e} of its peak"


def _as_list(audios: Any) -> list[np.ndarray]:
    return [np.asarray(audio) for audio in audios]


def _broken_by_clip(
    audio: np.ndarray, band: np.ndarray, own: np.ndarray, clip: np.ndarray, report: Any, case: Case
) -> Iterator[str]:
    """The promises that a clip breaks: `audio` and new `band` at 48 kHz, `own` the input there, `clip` as passed."""
    is_enhanced = report.action == "enhanced"
    if not is_enhanced and (not np.array_equal(audio, own) or band.any()):
        yield f"{report.action}, but not the input"
    if np.ptp(clip, axis=-1).max() < 1e-6 and is_enhanced:
        yield "silence was enhanced"
    if is_enhanced:
        error, low, whole = _powers_below(report.bandwidth - 250, audio - own, own)
        is_faint = low < LEAST_LOW_POWER * whole and any("of its power there" in note for note in report.notes)
        if report.low_band_error_db > LOW_BAND_ERROR_DB and not is_faint:
            yield f"low_band_error_db is {report.low_band_error_db:.1f}"
        if own.shape[-1] >= SHORTEST_S * 48_000 and low > LEAST_LOW_BAND * whole and not is_faint:
            error_db = 10 * np.log10(max(error, 1e-300) / low)
            if error_db > LOW_BAND_ERROR_DB:
                yield f"below {report.bandwidth - 250:.0f} Hz it differs from the input by {error_db:.1f} dB"
    for channel in range(len(own)):
        if not clip[channel].any() and (band[channel].any() or audio[channel].any()):
            yield f"channel {channel} is silent, its result is not"
        if channel and np.array_equal(clip[channel], clip[0]) and not np.array_equal(audio[channel], audio[0]):
            yield f"channels 0 and {channel} are equal, their results are not"
        if channel and np.array_equal(clip[channel], -clip[0]):
            difference = np.abs(band[channel] + band[0]).max()
            if difference > BATCH_TOLERANCE * np.abs(band[0]).max():
                yield f"channel {channel} is the opposite of 0, its new band is not"
    if is_enhanced and np.abs(clip).max() <= 1:
        for start, stop in _silences(clip, case.sampling_rate):
            if band[:, start:stop].any():
                yield f"the new band sounds in the silence from {start / 48_000:.3f} to {stop / 48_000:.3f} s"


def _powers_below(frequency: float, error: np.ndarray, own: np.ndarray) -> tuple[float, float, float]:
    """Powers of the error and of the input below a frequency, and of the whole input."""
    powers = []
    for audio in (error, own):
        # Of a new band that is far louder than the input, the side lobes of a Hann window would be measured.
        padded = np.pad(audio.astype(np.float64), ((0, 0), (4_096, 8_192)))
        frequencies, _, spectrum = signal.stft(
            padded, 48_000, "blackmanharris", 4_096, 3_072, boundary=None, padded=False
        )
        power = np.square(np.abs(spectrum)).sum((0, 2))
        powers += [float(power[frequencies < frequency].sum()), float(power.sum())]
    return powers[0], powers[2], powers[3]


def _silences(clip: np.ndarray, sampling_rate: int) -> Iterator[tuple[int, int]]:
    """The insides of the digital silences of a clip, in samples at 48 kHz."""
    silent = ~clip.any(0)
    runs = np.flatnonzero(np.diff(silent, prepend=False, append=False)).reshape(-1, 2) / sampling_rate
    margin = max(MARGIN_S, FADE_S + RINGING_PERIODS / (sampling_rate / 2))
    for start, stop in runs:
        if stop - start >= max(SILENCE_S, 2 * margin):
            yield round(48_000 * (start + margin)), round(48_000 * (stop - margin))


def report_lines(seed: int, results: list[tuple[Case, Result]], cpu_s: float) -> list[str]:
    """The report in Markdown."""
    num_broken = sum(len(result.broken) for _, result in results)
    lines = ["# Fuzzing", ""]
    lines.append(f"`python -m benchmarks.fuzz --calls {len(results)} --seed {seed}`")
    lines += ["", f"**{len(results)} cases tried, promises broken: {num_broken}**", ""]
    counters: dict[str, Counter[str]] = {"outcome": Counter(result.outcome for _, result in results)}
    for case, _ in results:
        for kind, name in case.kinds.items():
            counters.setdefault(kind, Counter())[name] += 1
    rows = [
        (kind, ", ".join(f"{name}: {count}" for name, count in counter.most_common()))
        for kind, counter in counters.items()
    ]
    lines += markdown_table(("Kind", "Cases"), rows)
    if num_broken:
        broken = [
            (case.number, " ".join(promise.split())[:300], described(case))
            for case, result in results
            for promise in result.broken
        ]
        lines += ["", *markdown_table(("Case", "Promise broken", "Call"), broken)]
    slowest, result = max(results, key=lambda pair: pair[1].seconds)
    lines += ["", f"- {cpu_s / 60:.1f} minutes of one core; the slowest case, {slowest.number}: {result.seconds:.1f} s"]
    return lines + [f"- {line}" for line in software_and_hardware()]


def described(case: Case) -> str:
    """A case in words."""
    lengths = "+".join(str(clip.shape[-1]) for clip in case.clips)
    settings = {name: value for name, value in case.arguments.items() if name not in ("sampling_rate", "return_dict")}
    shown = ", ".join(f"{name}={getattr(value, '__name__', value)}" for name, value in settings.items())
    return f"{', '.join(case.kinds.values())}; {lengths} samples at {case.sampling_rate} Hz; {shown}"[:600]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the cases, prints and writes the report; the exit code is 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=10_000, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--only", type=int, metavar="N", help="repeat case N alone, with tracebacks; writes no file")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="Markdown file; default: %(default)s")
    arguments = parser.parse_args(argv)
    # What diffusers logs of schedulers says nothing of promises.
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        fuzzer = Fuzzer(arguments.seed, folder)
        if arguments.only is not None:
            case, result = fuzzer.run(arguments.only, show=True)
            print(described(case))
            print("\n".join([result.outcome, *result.broken]))
            return int(bool(result.broken))
        start = time.process_time()
        results = [fuzzer.run(number) for number in tqdm(range(arguments.calls), desc="cases", mininterval=5)]
        lines = report_lines(arguments.seed, results, time.process_time() - start)
    print("\n".join(lines))
    arguments.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return int(any(result.broken for _, result in results))


if __name__ == "__main__":
    sys.exit(main())

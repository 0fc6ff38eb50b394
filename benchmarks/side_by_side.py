"""The published `audiosr` package and this one on the same checkpoint: `python -m benchmarks.side_by_side`.

Makes an environment with the package (`benchmarks/reference_environment.py`), lets it write a checkpoint with random
weights in the official form, runs it on a clip, and gives our pipeline the same checkpoint, low-passed mel spectrogram
and noise. Exits with 1 if the results differ by more than rounding explains.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import soundfile
import torch
from safetensors.torch import load_file
from torch import Tensor

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.audio_io import read_audio
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.pipelines import onednn
from benchmarks.comparison import MARGIN, Comparison, comparison_table
from benchmarks.machine import software_and_hardware
from benchmarks.parity import ETA, GUIDANCE_SCALE, named_step_noise
from benchmarks.reference_environment import DEFAULT_FOLDER, PACKAGES, make_environment, run_measured
from tests.official import normal

SPEECH = Path(__file__).parents[1] / "examples" / "speech_22khz.wav"
DURATION_S = 5.0
WHAT_IS_COMPARED = f"""\
`{PACKAGES[0]}` from the package index, in a process and an environment of its own, beside this package: the same
checkpoint in the official form, random weights ({{widths}} widths), {DURATION_S:g} s of `examples/{SPEECH.name}`,
{{num_steps}} steps, eta {ETA:g}, guidance {GUIDANCE_SCALE}. The package's own networks, sampler and signal processing
run; what stands in for the rest is in `benchmarks/reference_shim.py`. Ours starts from the package's low-passed mel
spectrogram and gets the same noise; what comes before differs on purpose. Each row contains the errors of those above:
nothing is put right in between.

Ours runs twice: with torch's own kernels, as the package does, which shows that the computation is the same; and as it
does by default on a CPU with AVX-512, with kernels that add in another order (`pipelines/onednn.py`). Without a
condition the networks' input is nearly constant, which group normalisation turns into rounding errors a hundred times
larger; the bounds of the second run are {{other_kernels:g}} of the largest value."""
# Of the largest value: what the order of additions may change.
OTHER_KERNELS = 1e-3


def write_clip(path: Path) -> None:
    """Writes the speech at 48 kHz, resampled by us."""
    audio, sampling_rate = read_audio(SPEECH)
    audio = resample(audio[:, : round(DURATION_S * sampling_rate)], sampling_rate, 48_000)
    soundfile.write(path, audio.T, 48_000, subtype="FLOAT")


@torch.no_grad()
def chain(
    pipe: AudioSRPipeline, reference: dict[str, Tensor], num_steps: int, is_default: bool
) -> Iterator[Comparison]:
    """Runs our pipeline from the package's low-passed mel spectrogram on.

    Args:
        pipe: With the package's checkpoint.
        reference: What the package computed: `lowpass_mel`, `latents`, `mel`, `replaced_mel`, `waveform`.
        num_steps: As it took.
        is_default: Whether layers are computed as they are by default, or by torch's own kernels.
    """

    def compare(stage: str, found: Tensor, expected: Tensor, measured_error: float) -> Comparison:
        if is_default:
            return Comparison(
                f"{stage}, default", found, expected, OTHER_KERNELS * float(expected.abs().max()) / MARGIN
            )
        return Comparison(f"{stage}, torch's kernels", found, expected, measured_error)

    lowpass_mel = reference["lowpass_mel"][:, None]
    condition = pipe.encode(lowpass_mel)
    pipe.scheduler.set_timesteps(num_steps)
    noise = normal("noise/x_T", tuple(condition.shape))
    with named_step_noise():
        (latents,) = pipe.denoise([noise], [condition], GUIDANCE_SCALE, ETA, [torch.Generator()])
    yield compare("latents after sampling", latents, reference["latents"], 7.8e-5)
    mel = pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample
    yield compare("decoded mel spectrogram", mel, reference["mel"], 6.8e-6)
    # Which bins the package takes from the input follows from its own cutoff.
    is_replaced = (reference["mel"] != reference["replaced_mel"]).any(dim=-2, keepdim=True)
    waveform = pipe.vocoder(torch.where(is_replaced, lowpass_mel, mel)[:, 0])
    yield compare("waveform of the vocoder", waveform, reference["waveform"][:, 0], 9.2e-7)


def main() -> int:
    """Prints the table, and writes it if asked to; 1 if a row is beyond its bound."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.side_by_side", description="Beside the published audiosr."
    )
    parser.add_argument("--environment", type=Path, default=DEFAULT_FOLDER, help="made if it doesn't exist")
    parser.add_argument("--widths", choices=["reduced", "official"], default="reduced", help="of the networks")
    parser.add_argument("--steps", type=int, default=50, help="a divisor of 1000: with others, audiosr takes more")
    parser.add_argument("--scratch", help="folder for temporary files, 5.4 GB at official widths")
    parser.add_argument("--output", type=Path, help="Markdown file")
    arguments = parser.parse_args()
    python = make_environment(arguments.environment)
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        checkpoint, clip, computed = (Path(scratch) / name for name in ("pytorch_model.bin", "clip.wav", "computed"))
        write_clip(clip)
        shim = (python, "benchmarks.reference_shim", "--checkpoint", checkpoint, "--widths", arguments.widths)
        run_measured(*shim, "save")
        run_measured(*shim, "run", "--audio", clip, "--steps", arguments.steps, "--output", computed)
        pipe = AudioSRPipeline.from_single_file(checkpoint)
        pipe.set_progress_bar_config(disable=True)
        reference = load_file(computed)
        with mock.patch.object(onednn, "IS_AVAILABLE", False):
            comparisons = list(chain(pipe, reference, arguments.steps, is_default=False))
        comparisons += chain(pipe, reference, arguments.steps, is_default=True)
    lines = ["# Side by side with the published package", ""]
    lines += WHAT_IS_COMPARED.format(
        widths=arguments.widths, num_steps=arguments.steps, other_kernels=OTHER_KERNELS
    ).splitlines()
    lines += ["", *comparison_table(comparisons), "", *(f"- {line}" for line in software_and_hardware())]
    print("\n".join(lines))
    if arguments.output:
        arguments.output.write_text("\n".join(lines) + "\n")
    return int(not all(comparison.passes for comparison in comparisons))


if __name__ == "__main__":
    raise SystemExit(main())

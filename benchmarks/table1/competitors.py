"""The rows of the table: which systems there are, and what each is."""

from collections.abc import Sequence
from pathlib import Path

from audiosr_pipeline import AudioSRPipeline
from benchmarks.baselines.noise import TRAINING_SPECTRUM, ShapedNoise
from benchmarks.baselines.systems import (
    GTMel,
    MelPredictor,
    NUWaveSystem,
    StoredOutputs,
    StreamSystem,
    TrueLevels,
    TrueStage,
    Unprocessed,
    load_system,
    outputs_of,
)
from benchmarks.machine import shown
from benchmarks.table1.measure import Competitor

# The demo pages' systems that the table has, by their names there.
PAGE_SYSTEMS = {
    "audiosr": "AudioSR",
    "nvsr_dnn": "NVSR-DNN",
    "nvsr_resunet": "NVSR-ResUNet",
    "nuwave": "NU-Wave",
    "nuwave2": "NU-Wave 2",
    "ap-bwe": "AP-BWE",
    "aero": "AERO",
    "aero_64": "AERO",
}
# AudioSR with the truth in place of what its UNet makes: by name, whether the autoencoder's part is done.
TRUE_STAGES = {"True mel": False, "True latents": True}
FOLLOWING_NOISE = "Following noise"
DESCRIPTIONS = {
    GTMel: "the true recording's mel spectrogram through the vocoder",
    TrueStage: "`{source}` with the truth in place of what its UNet makes, and the input's low band",
    TrueLevels: "`{source}` with the truth's mean level in each band, and all else its own",
    Unprocessed: "the input, resampled",
    ShapedNoise: "the input plus noise above the cutoff, shaped to the training set's mean spectrum, whose level "
    "follows that of the octave below the cutoff in windows of 20 ms",
    AudioSRPipeline: "latent diffusion, `{source}`",
    MelPredictor: "predicts the mel spectrogram, then the same vocoder, `{source}`",
    StreamSystem: "a stream that finds the band edge itself, `{source}`",
    NUWaveSystem: "waveform diffusion, `{source}`",
    StoredOutputs: "outputs in `{source}`",
}
# The rows that are always there, beside the checkpoint's.
OWN_ROWS = ("GT-Mel", *TRUE_STAGES, "True levels", "Unprocessed", FOLLOWING_NOISE)
KINDS = ("speech", "music", "effects")


def competitors(
    pipe: AudioSRPipeline, checkpoint: str, systems: Sequence[tuple[str, str, str]]
) -> tuple[list[Competitor], dict[str, str]]:
    """The rows of the table, and what each is, by name.

    Args:
        pipe: AudioSR, whose vocoder the predictors of mel spectrograms share.
        checkpoint: Where it was loaded from.
        systems: Kind of clips or "", name and source (`load_system`) of each further row.

    Raises:
        As `load_system`.
    """
    vocoder = content_of_system(pipe, checkpoint)
    rows = [
        Competitor("GT-Mel", GTMel(pipe), (vocoder,)),
        *(Competitor(name, TrueStage(pipe, through), (vocoder,)) for name, through in TRUE_STAGES.items()),
        Competitor("True levels", TrueLevels(pipe), (vocoder,)),
        Competitor("Unprocessed", Unprocessed()),
        Competitor(FOLLOWING_NOISE, ShapedNoise(follows_level=True), (TRAINING_SPECTRUM,)),
        Competitor(Path(checkpoint).name, pipe, (vocoder,)),
    ]
    sources = dict.fromkeys((row.name for row in rows), checkpoint)
    for kind, name, source in systems:
        system = load_system(source, pipe)
        if isinstance(system, AudioSRPipeline):
            system.set_progress_bar_config(disable=True)
        rows.append(Competitor(name, system, (vocoder, content_of_system(system, source)), kind=kind or None))
        sources[name] = source
    described = {row.name: DESCRIPTIONS[type(row.system)].format(source=shown(sources[row.name])) for row in rows}
    described |= {name: f"{described[name]}, {kind} alone" for kind, name, _ in systems if kind}
    for role, name in PAGE_SYSTEMS.items():
        rows.append(Competitor(f"{name} (page)", outputs_of(role), role=role))
        described[f"{name} (page)"] = "its files on the demo page"
    return rows, described


def content_of_system(system: object, source: str) -> Path | str:
    """Where a system's files are; a model of the Hub is known by its name."""
    if isinstance(system, AudioSRPipeline):
        source = system.name_or_path or source
    return Path(source) if Path(source).exists() else source

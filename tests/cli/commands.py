"""Commands as tests call them, the files that they are given, and a stand-in for the model."""

from pathlib import Path

import numpy as np

from audiosr_pipeline import AudioSRPipelineOutput, cli
from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.pipelines.outputs import AudioSRReport


def run(*arguments: str) -> int:
    return cli.main(list(arguments))


def bad_usage(capsys, *arguments: str) -> str:
    """The line that a command line is refused with."""
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def make_wav(path: str, sampling_rate: int = 8_000, channels: int = 1, peak: float = 0.5) -> Path:
    """A second of noise."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    audio = np.random.default_rng(0).uniform(-1, 1, (channels, sampling_rate)).astype(np.float32)
    write_audio(path, audio * np.float32(peak / np.abs(audio).max()), sampling_rate, "PCM_16")
    return Path(path)


def files(folder: str = ".") -> list[str]:
    """Every file in a folder, hidden ones too."""
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


def lines(text: str) -> list[str]:
    return text.splitlines()


class StubPipeline:
    """Resamples instead of generating. What a test sets on it happens at the next call or at every one."""

    def __init__(self):
        self.calls: list[dict] = []
        self.level = 1.0
        self.action = "enhanced"
        self.raises: dict[int, BaseException] = {}

    def to(self, device):
        return self

    def set_progress_bar_config(self, **config):
        pass

    def __call__(self, audio, **arguments):
        self.calls.append(arguments)
        if error := self.raises.get(len(self.calls)):
            raise error
        (clip,) = audio
        enhanced = self.level * resample(clip, arguments["sampling_rate"], 48_000)
        report = AudioSRReport(
            sampling_rate=arguments["sampling_rate"],
            num_channels=len(clip),
            duration_s=clip.shape[-1] / arguments["sampling_rate"],
            cutoff_freq=4_000.0,
            bandwidth=4_000.0,
            action=self.action,
            reason="a test",
            seed=arguments["generator"].initial_seed(),
        )
        return AudioSRPipelineOutput(
            audios=[enhanced], sampling_rate=48_000, generated=[np.zeros_like(enhanced)], reports=[report]
        )

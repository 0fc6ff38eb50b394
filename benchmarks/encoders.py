"""Real encoders, run as programs: audio coded, and read again as the package reads it, or decoded by a program."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from audiosr_pipeline.audio_io import read_audio
from audiosr_pipeline.dsp.resample import resample


@dataclass(frozen=True)
class Encoder:
    """A program that codes audio, and what decodes it.

    Args:
        name: Name in tables.
        encode: Command with the fields `{input}` (a mono WAV file of 16 bits), `{coded}` and `{setting}`.
        settings: What `{setting}` may be, as the program takes it.
        unit: Text that follows a setting in tables.
        suffix: Of the coded file.
        sampling_rate: Rate in Hz that it is fed.
        is_parametric: True if the waveform isn't coded, so that the output is nowhere coherent with the input.
        decode: Command with the fields `{coded}` and `{output}`, a WAV file, for what the package doesn't read.
    """

    name: str
    encode: str
    settings: tuple[str, ...]
    unit: str = " kbit/s"
    suffix: str = ".bin"
    sampling_rate: int = 48_000
    is_parametric: bool = False
    decode: str = ""
    programs: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        commands = [part.split()[0] for part in f"{self.encode} && {self.decode}".split(" && ") if part]
        object.__setattr__(self, "programs", tuple(dict.fromkeys(commands)))

    def missing(self) -> list[str]:
        """The programs that aren't installed."""
        return [program for program in self.programs if shutil.which(program) is None]

    def round_trip(self, audio: np.ndarray, setting: str) -> tuple[np.ndarray, int]:
        """Codes and decodes.

        Args:
            audio: Waveform `(1, num_samples)` at 48 kHz.
            setting: One of `settings`.

        Returns:
            What comes back, `(channels, num_samples)`, and its rate in Hz.

        Raises:
            RuntimeError: If a program fails.
        """
        with tempfile.TemporaryDirectory() as folder:
            coded, output = f"coded{self.suffix}", "output.wav" if self.decode else f"coded{self.suffix}"
            names = {"input": "input.wav", "coded": coded, "output": output, "setting": setting}
            given = np.clip(resample(audio, 48_000, self.sampling_rate), -1, 1)
            soundfile.write(Path(folder) / names["input"], given.T, self.sampling_rate, subtype="PCM_16")
            for command in filter(None, (self.encode, self.decode)):
                _run(command.format(**names), folder)
            return read_audio(Path(folder) / output)


def _run(command: str, folder: str) -> None:
    """Runs a shell command in a folder."""
    finished = subprocess.run(command, shell=True, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL)
    if finished.returncode:
        raise RuntimeError(f"{command}: {finished.stderr.decode(errors='replace').strip()[-500:]}")


FFMPEG = "ffmpeg -v error -y -i"
TO_RAW = "sox {input} -t raw -e signed -b 16 -r 8000 -c 1 input.raw"
FROM_RAW = "sox -t raw -e signed -b 16 -r 8000 -c 1 output.raw {output}"


def _ffmpeg(
    name: str, codec: str, settings: str, suffix: str, sampling_rate: int = 48_000, channels: int = 1
) -> Encoder:
    """An encoder of FFmpeg's, by bit rate."""
    encode = f"{FFMPEG} {{input}} -ac {channels} -c:a {codec} -b:a {{setting}}k {{coded}}"
    return Encoder(name, encode, tuple(settings.split()), suffix=suffix, sampling_rate=sampling_rate)


ENCODERS = (
    Encoder(
        "opusenc",
        "opusenc --quiet --bitrate {setting} {input} {coded}",
        ("12", "14", "16", "20", "24", "32", "48", "64", "96"),
        suffix=".opus",
    ),
    Encoder(
        "opusenc --music",
        "opusenc --quiet --music --bitrate {setting} {input} {coded}",
        ("16", "24", "32"),
        suffix=".opus",
    ),
    Encoder(
        "lame",
        "lame --quiet -b {setting} {input} {coded}",
        ("24", "32", "48", "64", "96", "128", "192", "320"),
        suffix=".mp3",
    ),
    Encoder(
        "oggenc",
        "oggenc -Q -q {setting} -o {coded} {input}",
        ("-1", "0", "2", "4", "6", "9"),
        unit=" (quality)",
        suffix=".ogg",
    ),
    _ffmpeg("ffmpeg aac", "aac", "12 16 24 32 48 64 96 128 192", ".m4a"),
    _ffmpeg("ffmpeg aac, 44.1 kHz", "aac", "12 24 64", ".m4a", 44_100),
    Encoder(
        "fdkaac (HE-AAC)",
        "fdkaac --silent --profile 5 --bitrate {setting}k -o {coded} {input}",
        ("16", "24", "32", "48"),
        suffix=".m4a",
    ),
    _ffmpeg("ffmpeg mp2", "mp2", "32 48 64 96 128 192", ".mp2"),
    _ffmpeg("ffmpeg ac3", "ac3", "32 48 64 96 192", ".ac3"),
    _ffmpeg("ffmpeg wmav1, 44.1 kHz", "wmav1", "24 48 96", ".wma", 44_100),
    _ffmpeg("ffmpeg wmav2, 44.1 kHz", "wmav2", "24 32 48 64 96 128", ".wma", 44_100),
    Encoder(
        "elc3",
        "elc3 -b {setting}000 {input} {coded}",
        ("16", "24", "32", "48", "64", "96"),
        suffix=".lc3",
        decode="dlc3 {coded} {output}",
    ),
    Encoder(
        "sbcenc",
        "sox {input} input.au && sbcenc -b {setting} input.au > {coded}",
        ("10", "19", "31", "53"),
        unit=" (bitpool)",
        decode="sbcdec -f output.au {coded} && sox output.au {output}",
    ),
    Encoder(
        "speexenc --narrowband",
        "speexenc --narrowband --quality {setting} {input} {coded}",
        ("2", "5", "8"),
        " (quality)",
        ".spx",
        8_000,
    ),
    Encoder(
        "speexenc --wideband",
        "speexenc --wideband --quality {setting} {input} {coded}",
        ("2", "5", "8"),
        " (quality)",
        ".spx",
        16_000,
    ),
    Encoder(
        "speexenc --ultra-wideband",
        "speexenc --ultra-wideband --quality {setting} {input} {coded}",
        ("2", "5", "8"),
        " (quality)",
        ".spx",
        32_000,
    ),
    Encoder(
        "toast (GSM)",
        f"{TO_RAW} && toast -f -l input.raw",
        ("13",),
        decode="untoast -f -l input.raw.gsm && sox -t raw -e signed -b 16 -r 8000 -c 1 input.raw {output}",
        sampling_rate=8_000,
    ),
    Encoder(
        "c2enc (Codec 2)",
        f"{TO_RAW} && c2enc {{setting}} input.raw {{coded}}",
        ("1300", "2400", "3200"),
        " bit/s",
        decode=f"c2dec {{setting}} {{coded}} output.raw && {FROM_RAW}",
        sampling_rate=8_000,
        is_parametric=True,
    ),
    _ffmpeg("ffmpeg g722", "g722", "64", ".wav", 16_000),
)

"""One test of the table: a true recording, and what the systems are given of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audiosr_pipeline.audio_io import read_audio
from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.evaluate import SAMPLING_RATE, read_at_48_khz
from audiosr_pipeline.metrics import round_to_16_bit

CUTOFF_FREQS = (4_000, 8_000, 16_000)
SPEECH_CUTOFF_FREQS = (4_000, 8_000, 12_000)
SSR_EVAL_N_FFT, SSR_EVAL_HOP = 2_048, 441


def ssr_eval_lowpass(audio: np.ndarray, cutoff_freq: float, sampling_rate: int = SAMPLING_RATE) -> np.ndarray:
    """The low-pass that ssr_eval recommends, `setting_fft`: a brick wall in the short-time spectrum.

    Centred Hann frames of 2048 samples every 441; the bins from `int(1025 * cutoff_freq / (sampling_rate / 2))` on are
    emptied. ssr_eval does it at 44.1 kHz, so at 48 kHz bins and frames are 9 % wider and shorter.

    Args:
        audio: Waveforms `(channels, num_samples)`.
        cutoff_freq: In Hz.
        sampling_rate: Rate of `audio` in Hz.

    Returns:
        Waveforms of the same shape, float32.
    """
    window = torch.hann_window(SSR_EVAL_N_FFT)
    # Reflection at the ends, as torch pads, needs more than half a window.
    padding = max(0, SSR_EVAL_N_FFT // 2 + 1 - audio.shape[-1])
    waveforms = torch.nn.functional.pad(torch.from_numpy(audio.astype(np.float32)), (0, padding))
    spectrum = torch.stft(waveforms, SSR_EVAL_N_FFT, SSR_EVAL_HOP, window=window, return_complex=True)
    spectrum[:, int(spectrum.shape[1] * cutoff_freq / (sampling_rate / 2)) :] = 0
    length = waveforms.shape[-1]
    filtered = torch.istft(spectrum, SSR_EVAL_N_FFT, SSR_EVAL_HOP, window=window, length=length)
    return filtered[:, : audio.shape[-1]].numpy()


LOWPASSES: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {"paper": lowpass, "ssr_eval": ssr_eval_lowpass}


@dataclass(frozen=True)
class Entry:
    """One test.

    Args:
        data: What it belongs to: a column of the table.
        clip: Its name there.
        kind: "speech", "music" or "effects".
        cutoff_freq: Frequency in Hz above which the systems have to make anew.
        reference: File of the true recording.
        made_with: How the input is made: a low-pass of `LOWPASSES`; "page" if it is a file.
        input: That file.
        outputs: What others made of the same input, by system.
    """

    data: str
    clip: str
    kind: str
    cutoff_freq: int
    reference: Path
    made_with: str
    input: Path | None = None
    outputs: Mapping[str, Path] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """A path that no other entry has; outputs that are stored in a folder lie there."""
        return f"{self.data}/{self.made_with}/{self.cutoff_freq}/{self.clip}"

    def read(self) -> dict[str, Any]:
        """What a system is given: `audio` `(channels, num_samples)`, rounded to 16 bit, and `sampling_rate`.

        Beside it, for what only looks like a system, `reference` at 48 kHz, `cutoff_freq`, `outputs` and `name`.

        Raises:
            AudioFileError: If a file can't be read.
        """
        reference = read_at_48_khz(self.reference)
        if self.input is None:
            audio, sampling_rate = LOWPASSES[self.made_with](reference, self.cutoff_freq), SAMPLING_RATE
        else:
            audio, sampling_rate = read_audio(self.input)
        return {
            "audio": round_to_16_bit(audio),
            "sampling_rate": sampling_rate,
            "reference": reference,
            "cutoff_freq": self.cutoff_freq,
            "outputs": self.outputs,
            "name": self.name,
        }


def lowpassed(
    data: str, kind: str, files: Iterable[tuple[str, Path]], cutoff_freqs: Iterable[int], lowpass_name: str
) -> Iterator[Entry]:
    """An entry for each cutoff and each named file.

    Args:
        data: See `Entry`.
        kind: See `Entry`.
        files: Names and paths of the true recordings.
        cutoff_freqs: In Hz.
        lowpass_name: Of `LOWPASSES`.
    """
    files = list(files)
    for cutoff_freq in cutoff_freqs:
        for clip, path in files:
            yield Entry(data, clip, kind, cutoff_freq, path, lowpass_name)

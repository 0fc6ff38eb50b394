"""Makes the two inputs of the demo, and of the listening test the first seconds of each.

`python examples/make_examples.py`, with espeak-ng installed for the speech.

Both have the low rate of a generator's output: speech at 22.05 kHz, and music at 16 kHz that had highs before it was
resampled.
"""

import subprocess
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy import signal

FOLDER = Path(__file__).parent
TEXT = "Most of what we understand of a voice lies below four kilohertz. The rest is breath, and sparkle, and air."

SAMPLING_RATE = 48_000
DURATION_S = 8.0
EXCERPT_S = 2.5
BEAT_S = 0.5
# One chord per bar of four beats, as MIDI notes: bass first, then the arpeggio's four notes.
CHORDS = [(45, 57, 64, 67, 72), (41, 57, 60, 64, 69), (36, 55, 60, 64, 72), (43, 55, 59, 62, 71)]
# Bell notes: beat, MIDI note.
MELODY = [(0, 76), (1.5, 79), (3, 81), (4, 77), (5.5, 76), (7, 72), (8, 79), (9.5, 76), (11, 74), (12, 74), (13, 71)]


def main() -> None:
    make_speech(FOLDER / "speech_22khz.wav")
    music = soxr.resample(make_music(), SAMPLING_RATE, 16_000, quality="VHQ")
    soundfile.write(FOLDER / "music_16khz.wav", 0.7 * music / abs(music).max(), 16_000, subtype="PCM_16")
    for name in ("speech_22khz", "music_16khz"):
        write_excerpt(FOLDER / f"{name}.wav", FOLDER / "listening/clips" / f"{name.partition('_')[0]}.wav")


def make_speech(path: Path) -> None:
    """Writes `TEXT`, spoken by espeak-ng at its own 22.05 kHz, 16-bit, mono."""
    subprocess.run(["espeak-ng", "-v", "en-us", "-s", "160", "-p", "40", "-w", path, TEXT], check=True)


def write_excerpt(source: Path, path: Path) -> None:
    """Writes the first seconds of a file, 16-bit, at its rate."""
    audio, sampling_rate = soundfile.read(source)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio[: round(EXCERPT_S * sampling_rate)], sampling_rate, subtype="PCM_16")


def make_music() -> np.ndarray:
    """Four bars of guitar, bass, bells and drums, `(num_samples, 2)` at 48 kHz."""
    rng = np.random.default_rng(0)
    track = np.zeros((round(DURATION_S * SAMPLING_RATE), 2))
    for bar, (bass, *arpeggio) in enumerate(CHORDS):
        start = 4 * bar
        add(track, pluck(bass, 1.9, rng, damping=0.5), start, level=0.45, pan=0.5)
        add(track, pluck(bass, 0.9, rng, damping=0.5), start + 2.5, level=0.35, pan=0.5)
        for eighth, index in enumerate([0, 1, 2, 3, 2, 1, 3, 2]):
            note = pluck(arpeggio[index], 1.5, rng, damping=0.2)
            add(track, note, start + eighth / 2, level=0.3, pan=0.25 + 0.06 * index)
        for beat in range(4):
            add(track, snare(rng) if beat % 2 else kick(), start + beat, level=0.5, pan=0.5)
            add(track, hi_hat(rng, decay_s=0.03), start + beat, level=0.14, pan=0.65)
            add(track, hi_hat(rng, decay_s=0.15), start + beat + 0.5, level=0.1, pan=0.65)
    for beat, note in MELODY:
        add(track, bell(note, 2.0), beat, level=0.14, pan=0.75)

    track += 0.1 * reverberate(track, rng)
    fade = np.clip((DURATION_S - np.arange(len(track)) / SAMPLING_RATE) / 0.6, 0, 1)
    return track * fade[:, None]


def add(track: np.ndarray, sound: np.ndarray, beat: float, level: float, pan: float) -> None:
    """Mixes a mono sound into the stereo track at `beat`; `pan` goes from 0 (left) to 1 (right) at equal power."""
    start = round(beat * BEAT_S * SAMPLING_RATE)
    sound = level * sound[: len(track) - start]
    track[start : start + len(sound)] += np.outer(sound, [np.cos(pan * np.pi / 2), np.sin(pan * np.pi / 2)])


def pluck(note: float, duration_s: float, rng: np.random.Generator, damping: float) -> np.ndarray:
    """A plucked string (Karplus and Strong, 1983): a burst of noise runs around a delay line that dulls it."""
    period = SAMPLING_RATE / frequency(note)
    # The dulling filter delays by `damping` samples; what is left of the period's fraction is interpolated.
    num_delays = int(period - damping)
    fraction = period - damping - num_delays
    dulling = np.convolve([1 - damping, damping], [1 - fraction, fraction])
    feedback = np.concatenate([[1], np.zeros(num_delays - 1), -0.996 * dulling])
    burst = np.zeros(round(duration_s * SAMPLING_RATE))
    burst[:num_delays] = rng.uniform(-1, 1, num_delays)
    # A string that is plucked at a fifth of its length lacks every fifth harmonic. A soft pick dulls the burst.
    burst = signal.lfilter([0.3], [1, -0.7], burst - np.roll(burst, round(period / 5)))
    return normalise(signal.lfilter([1], feedback, burst) * release(len(burst)))


def bell(note: float, duration_s: float) -> np.ndarray:
    """A bell by frequency modulation (Chowning, 1973), its ratio 3.5 inharmonic, bright at the stroke."""
    time = seconds(duration_s)
    decay = np.exp(-2.5 * time)
    modulation = 6 * decay * np.sin(2 * np.pi * 3.5 * frequency(note) * time)
    return np.sin(2 * np.pi * frequency(note) * time + modulation) * decay * release(len(time))


def kick() -> np.ndarray:
    time = seconds(0.3)
    phase = 2 * np.pi * (48 * time + 4 * (1 - np.exp(-time / 0.03)))
    return np.sin(phase) * np.exp(-time / 0.09)


def snare(rng: np.random.Generator) -> np.ndarray:
    time = seconds(0.3)
    rattle = highpass(rng.standard_normal(len(time)), 1_500) * np.exp(-time / 0.06)
    return normalise(rattle + np.sin(2 * np.pi * 185 * time) * np.exp(-time / 0.05))


def hi_hat(rng: np.random.Generator, decay_s: float) -> np.ndarray:
    time = seconds(6 * decay_s)
    return normalise(highpass(rng.standard_normal(len(time)), 5_000) * np.exp(-time / decay_s))


def reverberate(track: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A small room: each channel convolved with its own decaying noise."""
    time = seconds(0.8)[:, None]
    room = rng.standard_normal((len(time), 2)) * np.exp(-time / 0.15)
    return signal.fftconvolve(track, room / np.sqrt((room**2).sum(0)), axes=0)[: len(track)]


def highpass(audio: np.ndarray, cutoff_freq: float) -> np.ndarray:
    return signal.sosfilt(signal.butter(4, cutoff_freq, "highpass", fs=SAMPLING_RATE, output="sos"), audio)


def release(num_samples: int) -> np.ndarray:
    """An envelope of ones that ends in 50 ms of a linear fade."""
    return np.clip((num_samples - np.arange(num_samples)) / (0.05 * SAMPLING_RATE), 0, 1)


def normalise(audio: np.ndarray) -> np.ndarray:
    return audio / abs(audio).max()


def frequency(note: float) -> float:
    """The frequency in Hz of a MIDI note."""
    return 440 * 2 ** ((note - 69) / 12)


def seconds(duration_s: float) -> np.ndarray:
    """The time in seconds of each sample."""
    return np.arange(round(duration_s * SAMPLING_RATE)) / SAMPLING_RATE


if __name__ == "__main__":
    main()

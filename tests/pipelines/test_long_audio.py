"""Any length in bounded memory, and no seam between windows (promise 5)."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from torch import Tensor

from tests.conftest import build_tiny_pipeline
from tests.pipelines.stubs import KnownVelocity, Network, seeded
from tests.signals import clicks, music_like, noise, tone


def chords(seconds: float) -> np.ndarray:
    """A steady chord: nothing changes from beginning to end."""
    return sum(tone(frequency, seconds, 16_000, 0.1) for frequency in (220, 277.2, 329.6, 1_760, 3_520, 6_100))


MATERIAL = {
    "tonal": chords,
    "transient": lambda seconds: clicks(seconds, 16_000, per_second=5) + 1e-3 * noise(seconds, 16_000),
    "noise": lambda seconds: noise(seconds, 16_000, tilt_db=-3),
    "music": lambda seconds: np.tile(music_like(2.0, 16_000), round(seconds / 2)),
}


def spectral_change(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times in samples and, for the step from each frame to the next, the RMS change of the log spectrum above 9 kHz.

    Levels are averaged over 16 bins, or the randomness of noise would hide any seam.
    """
    _, _, spectrum = signal.stft(audio, 48_000, "hann", 2_048, 1_536, boundary=None, padded=False)
    power = (np.abs(spectrum[384:1_024]) ** 2).reshape(40, 16, -1).mean(1)
    level_db = 10 * np.log10(power + 1e-20)
    change = np.sqrt((np.diff(level_db, axis=-1) ** 2).mean(0))
    return 1_280 + 512 * np.arange(len(change)), change


def borders(pipe, num_samples: int) -> np.ndarray:
    """Centres of the cross-fades in samples."""
    multiple = pipe.grid.multiple * pipe.grid.frame_samples
    num_frames = -(-num_samples // multiple) * pipe.grid.multiple
    windows = pipe.grid.windows(num_frames)
    return np.array([window.fade_in for window in windows[1:]]) * pipe.grid.frame_samples


@pytest.mark.parametrize("name", MATERIAL)
def test_no_seam_can_be_found(name):
    pipe = build_tiny_pipeline(window_s=2.56, default_num_inference_steps=2)
    audio = MATERIAL[name](16.0)
    out = pipe(audio[0], 16_000, guidance_scale=2.0, eta=1.0, generator=seeded())
    centres = borders(pipe, out.audios.shape[-1])
    assert len(centres) >= 8
    for result in (out.audios[0], out.generated[0]):
        times, change = spectral_change(result)
        near = np.abs(times[:, None] - centres).min(1) < pipe.grid.frame_samples * 4
        # Clips begin and end with a fade.
        inside = (times > 4_800) & (times < len(result) - 4_800)
        elsewhere = np.sort(change[inside & ~near])
        at_borders = change[inside & near]
        assert len(at_borders) > 100
        # As many large changes at the borders as anywhere: of 1 %, three times that would already be unlikely.
        assert (at_borders > elsewhere[int(0.99 * len(elsewhere))]).mean() < 0.03
        assert np.median(at_borders) < 1.1 * np.median(elsewhere)


class SineBank(Network):
    """A vocoder of steady partials above 9 kHz, in phase in every frame, as loud as the upper mel bins say."""

    def forward(self, mel: Tensor) -> Tensor:
        level = mel[..., 224:].mean(-1).exp()
        level = torch.nn.functional.interpolate(level[:, None], scale_factor=480, mode="linear")[:, 0]
        time = torch.arange(level.shape[-1]) / 48_000
        return level * sum(torch.sin(2 * torch.pi * frequency * time) for frequency in range(9_500, 23_500, 800))


@pytest.mark.parametrize("network", ["unet", "vae", "vocoder"])
def test_windows_that_disagree_are_cross_faded(network, monkeypatch):
    """Every other window of one network is 5 dB or more louder; one can hear that, but not where."""
    # Without a predictor, which sees the whole clip and evens out what windows of the others differ in.
    pipe = build_tiny_pipeline(window_s=2.56, envelope_predictor=None)
    pipe.vocoder = SineBank()
    soft, loud = (pipe.encode(torch.full((1, 1, 64, 256), level))[0, :, 4, 0] for level in (-6.0, -4.0))
    num_windows = 0

    def loudness(is_different: bool):
        """1 or 0 for each window, in turn, if the windows are to be different."""
        nonlocal num_windows
        num_windows += 1
        return is_different * (num_windows % 2)

    def velocity(latents, condition, timestep):
        levels = [loudness(network == "unet") for _ in latents]
        x_0 = torch.stack([soft + level * (loud - soft) for level in levels])[:, :, None, None].expand_as(latents)
        # From pure noise, in one step.
        return -x_0

    decode, vocode = pipe.vae.decode, pipe.vocoder.forward

    def decode_differently(latents):
        decoded = decode(latents)
        decoded.sample = decoded.sample + loudness(network == "vae")
        return decoded

    pipe.unet = KnownVelocity(pipe.unet.config, velocity)
    monkeypatch.setattr(pipe.vae, "decode", decode_differently)
    monkeypatch.setattr(pipe.vocoder, "forward", lambda mel: vocode(mel) * (1 + 2 * loudness(network == "vocoder")))
    out = pipe(noise(16.0, 16_000)[0], 16_000, num_inference_steps=1)
    # Per latent frame; the ends of the clip fade.
    levels = 20 * np.log10(np.sqrt((out.generated[0].reshape(-1, 3_840) ** 2).mean(-1)))[1:-1]
    assert np.ptp(levels) > 5
    # A fade takes eight of them. In linear amplitude its soft end is the steepest.
    assert np.abs(np.diff(levels)).max() < 0.3 * np.ptp(levels)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_networks_that_see_no_further_than_the_margins_give_in_windows_what_they_give_in_one_piece(eta):
    """So windows, their merging, their times and their noise are right: a seam would be the networks' own."""

    def velocity(latents, condition, timestep):
        neighbours = torch.nn.functional.avg_pool2d(latents, (3, 1), 1, (1, 0), count_include_pad=False)
        return 0.5 * neighbours + 0.3 * condition * torch.cos(timestep / 300.0)

    results = []
    audio = np.concatenate([noise(9.0, 16_000, seed, tilt_db=-3) for seed in (0, 1)])
    for window_s in (2.56, 100.0):
        pipe = build_tiny_pipeline(window_s=window_s, default_num_inference_steps=3)
        pipe.unet = KnownVelocity(pipe.unet.config, velocity)
        out = pipe([audio], 16_000, guidance_scale=2.0, eta=eta, generator=seeded())
        results.append((out, len(pipe.unet.calls)))
    (windowed, num_calls), (whole, num_whole_calls) = results
    assert num_whole_calls == 3 and num_calls >= 3 * num_whole_calls
    assert np.abs(windowed.generated - whole.generated).max() < 1e-3 * np.abs(whole.generated).max()
    assert np.abs(windowed.audios - whole.audios).max() < 1e-5


def test_windows_are_merged_before_the_scheduler_steps(monkeypatch):
    pipe = build_tiny_pipeline(default_num_inference_steps=4)
    shapes, step = [], type(pipe.scheduler).step

    def watched_step(self, model_output, timestep, sample, eta=0.0, generator=None, return_dict=True):
        shapes.append((tuple(model_output.shape), tuple(sample.shape)))
        return step(self, model_output, timestep, sample, eta=eta, generator=generator, return_dict=return_dict)

    # A call works on a copy of the scheduler.
    monkeypatch.setattr(type(pipe.scheduler), "step", watched_step)
    pipe(noise(6.0, 16_000)[0], 16_000)
    # Before, the scheduler is tried on latents of one channel whose velocity is known.
    of_clip = [shape for shape in shapes if shape[0][1] == 16]
    # 6 s are 75 latent frames, and there is one more at each end; a multiple of two is needed; a window has 18.
    assert of_clip == [((1, 16, 78, 32), (1, 16, 78, 32))] * 4


@settings(max_examples=4, deadline=None)
@given(
    seconds=st.lists(st.sampled_from([0.5, 2.0, 2.05, 3.0]), min_size=2, max_size=3),
    channels=st.integers(1, 2),
)
def test_a_long_clip_does_not_depend_on_what_it_is_batched_with(tiny_pipeline, seconds, channels):
    clips = [
        np.concatenate([noise(s, 16_000, i + c, tilt_db=-3) for c in range(channels)]) for i, s in enumerate(seconds)
    ]
    batch = tiny_pipeline(clips, 16_000, generator=[seeded(i) for i in range(len(clips))])
    for i, clip in enumerate(clips):
        single = tiny_pipeline([clip], 16_000, generator=seeded(i))
        assert np.abs(single.audios[0] - batch.audios[i]).max() < 1e-4
        assert np.abs(single.generated[0] - batch.generated[i]).max() < 1e-3 * np.abs(single.generated[0]).max()


@settings(max_examples=10, deadline=None)
@given(num_samples=st.integers(1, 200_000))
def test_any_number_of_samples(tiny_pipeline, num_samples):
    audio = noise(5.0)[:, :num_samples]
    out = tiny_pipeline(audio[0], 48_000, cutoff_freq=8_000, num_inference_steps=1)
    assert out.audios.shape == (1, num_samples)
    assert np.isfinite(out.audios).all()


MEASURE = """
import json, resource, sys
import numpy as np, torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
from tests.conftest import build_tiny_pipeline
from tests.signals import band_limited, noise

pipe = build_tiny_pipeline(window_s=5.12, default_num_inference_steps=1)
second = np.concatenate([band_limited(noise(1.0, seed=seed), 8_000) for seed in (0, 1)])
peaks = []
for minutes in (0.2, 0.7):
    out = pipe([np.tile(second, round(60 * minutes))], 48_000)
    assert out.audios.shape == (1, 2, round(60 * minutes) * 48_000) and out.generated.any()
    del out
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(json.dumps(peaks))
"""


def test_memory_grows_with_the_audio_alone():
    """Ten minutes of stereo fit into 2 GB: 0.7 GB for libraries and networks at work, 115 MB for each minute."""
    if sys.platform != "linux":
        pytest.skip("ru_maxrss has other units elsewhere")
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", MEASURE, root], capture_output=True, text=True, cwd=root)
    assert run.returncode == 0, run.stderr
    short, long = json.loads(run.stdout.splitlines()[-1])
    # A minute of stereo is 23 MB: input, output, new band, waveform, two mel spectrograms of half that size, latents,
    # and the temporary copies of one channel. The second clip is half a minute longer.
    assert long - short < 115 / 2

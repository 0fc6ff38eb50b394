"""The systems of Table 1: the published sizes, that they learn, and that they have the pipeline's call."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.dsp.cutoff import find_bandwidth
from audiosr_pipeline.dsp.low_band import num_low_mels
from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.dsp.normalization import apply_gain
from audiosr_pipeline.dsp.resample import resample
from audiosr_pipeline.pipelines.inputs import Clip
from benchmarks.baselines import systems, train
from benchmarks.baselines.nu_wave import NUWave, sampling_scheduler, training_levels
from benchmarks.baselines.nvsr import NVSRDNN, NVSRResUNet
from benchmarks.baselines.systems import GTMel, MelPredictor, NUWaveSystem, TrueLevels, TrueStage, Unprocessed
from tests.signals import band_limited, music_like, noise, rms, speech_like

TRUTH = noise(0.7, seed=2, tilt_db=-3)
INPUT = lowpass(TRUTH, 4_000)
STEREO = np.concatenate([INPUT, 0.5 * lowpass(noise(0.7, seed=3, tilt_db=-3), 4_000)])


@pytest.fixture(autouse=True)
def fresh_accelerator():
    """The trainers ask for one each, and other tests for other ones."""
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def tiny_networks() -> dict:
    torch.manual_seed(0)
    return {
        "nvsr-dnn": NVSRDNN(width=8),
        "nvsr-resunet": NVSRResUNet(width=1, num_blocks=1),
        "nu-wave": NUWave(width=4, num_layers=2, dilation_cycle=2, embedding_size=8),
    }


@pytest.fixture
def trained_systems(tiny_pipeline) -> dict:
    networks = tiny_networks()
    return {
        "nvsr-dnn": MelPredictor(networks["nvsr-dnn"], tiny_pipeline),
        "nvsr-resunet": MelPredictor(networks["nvsr-resunet"], tiny_pipeline),
        "nu-wave": NUWaveSystem(networks["nu-wave"]),
    }


def test_published_sizes():
    def num_parameters(network: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    with torch.device("meta"):
        # The paper's abstract: 3.0 M.
        assert num_parameters(NUWave()) == pytest.approx(3.0e6, abs=0.05e6)
        # As many as the released network has; the 99.0 M of its documentation count a vocoder too.
        assert num_parameters(NVSRResUNet()) == 65_152_867
        # Of NVSR-DNN no figure was published. Released is 128 mel bins, then 256, 512, 512, 256 and 128.
        sizes = [
            layer.out_features for layer in NVSRDNN(n_mels=128, width=256).layers if hasattr(layer, "out_features")
        ]
        assert sizes == [256, 512, 512, 256, 128]


def test_what_is_shipped_fits_in_5_mb():
    with torch.device("meta"):
        for network, size in train.MINI.items():
            # In half precision.
            assert 2 * sum(parameter.numel() for parameter in network(**size).parameters()) < 5e6


@pytest.mark.parametrize("num_frames", [1, 64, 70])
def test_the_unet_takes_any_number_of_frames(num_frames):
    mel = torch.randn(2, 1, num_frames, 256, generator=torch.Generator().manual_seed(0)) - 7
    assert tiny_networks()["nvsr-resunet"].eval()(mel).shape == mel.shape


def test_nu_waves_schedules():
    levels = training_levels()
    assert len(levels) == 1_001 and levels[0] == 1 and (levels.diff() < 0).all()
    scheduler = sampling_scheduler()
    # From almost pure noise: (0.1 * 0.9 * ...) ** 0.5. The exact noise leads to the exact waveform.
    assert scheduler.alphas_cumprod[-1].sqrt() == pytest.approx(0.298, abs=1e-3)
    clean, sample = 0.1 * torch.randn(2, 1, 100, generator=torch.Generator().manual_seed(0))
    for step in scheduler.timesteps:
        level = scheduler.alphas_cumprod[step].sqrt()
        sample = scheduler.step((sample - level * clean) / (1 - level**2).sqrt(), step, sample).prev_sample
    # Of the last level, 1 - 5e-7, float32 keeps a few per cent of the distance from 1, and so of the last noise, 1e-3.
    assert (sample - clean).abs().max() < 3e-4


@pytest.mark.parametrize("sampling_share", [0.0, 1.0])
def test_nu_wave_is_trained_at_its_samplings_levels_or_anywhere(monkeypatch, sampling_share):
    seen, losses = [], []

    class Recorder(torch.nn.Module):
        save_pretrained = None

        def forward(self, noisy, condition, level):
            seen.append((noisy, level))
            return torch.zeros_like(noisy)

    monkeypatch.setattr(train, "build", lambda network, settings: Recorder())
    monkeypatch.setattr(train, "find_recordings", lambda data, licences: ([], []))
    monkeypatch.setattr(train, "training_crops", lambda settings, recordings: None)
    monkeypatch.setattr(train, "train", lambda accelerator, model, loss_of, *more: losses.append(loss_of))
    train.train_nu_wave(train.NUWaveSettings(data=("none",), sampling_share=sampling_share))
    silence = torch.zeros(16, 4_800)
    loss = losses[0]({"audio": silence, "lowpassed": silence, "index": torch.arange(16)}, torch.Generator())
    ((noisy, level),) = seen
    # All noise, of the level's complement: 0.8 of its standard deviation on average, within 5 % for 4800 numbers.
    deviation = (1 - level.square()).sqrt()
    assert torch.allclose(noisy.abs().mean(-1) / deviation, torch.full((16,), 0.798), rtol=0.05)
    # The mean of 16 of their logarithms, within 2 %.
    assert float(loss) == pytest.approx(np.log(0.798), abs=0.02)
    sampled = torch.isin(level, sampling_scheduler().alphas_cumprod.sqrt())
    assert sampled.all() if sampling_share else not sampled.any()
    assert len(level.unique()) == (8 if sampling_share else 16)


@pytest.mark.parametrize("name", ["nvsr-dnn", "nvsr-resunet", "nu-wave"])
def test_training_lowers_the_loss_and_gives_a_system(name, tmp_path, monkeypatch, tiny_pipeline):
    folder = tmp_path / "data"
    folder.mkdir()
    for index in range(4):
        write_audio(folder / f"{index}.wav", (speech_like, music_like)[index % 2](0.8, seed=index), 48_000)
    tiny = tiny_networks()
    monkeypatch.setattr(train, "MINI", {type(network): dict(_sizes(network)) for network in tiny.values()})
    output = tmp_path / "run"
    flags = "--num-steps 30 --validation-every 15 --batch-size 2 --crop-s 0.64 --num-workers 0 --warmup-steps 0".split()
    flags += ["--learning-rate", "3e-3", "--ema-decay", "0.5"]
    assert train.main([name, "--data", str(folder), "--output", str(output), *flags]) == 0
    curve = [json.loads(line) for line in (output / "curve.jsonl").read_text().splitlines()]
    assert curve[1]["validation_loss"] < curve[0]["validation_loss"]
    system = systems.load_system(str(output / "best"), tiny_pipeline)
    out = system(INPUT[0], sampling_rate=48_000, generator=torch.Generator().manual_seed(0))
    assert out.audios[0].shape == INPUT[0].shape and np.isfinite(out.audios[0]).all()


def _sizes(network) -> list:
    return [(name, value) for name, value in network.config.items() if not name.startswith("_") and name != "n_mels"]


@pytest.mark.parametrize("name", ["nvsr-dnn", "nvsr-resunet", "nu-wave"])
def test_they_have_the_pipelines_call(trained_systems, name):
    system = trained_systems[name]

    def run(seed: int) -> list[np.ndarray]:
        low_rate = resample(STEREO, 48_000, 16_000)
        return system(
            [low_rate, low_rate[0]], sampling_rate=16_000, generator=torch.Generator().manual_seed(seed)
        ).audios

    stereo, mono = run(0)
    assert stereo.shape == (2, 33_600) and mono.shape == (33_600,) and stereo.dtype == np.float32
    assert all(map(np.array_equal, run(0), (stereo, mono)))
    is_random = name == "nu-wave"
    assert np.array_equal(run(1)[0], stereo) != is_random
    with pytest.raises(ValueError, match="pass sampling_rate="):
        system(STEREO)


@pytest.mark.parametrize("name", ["nvsr-dnn", "nvsr-resunet"])
def test_mel_predictors_leave_the_low_band_as_it_is_and_add_a_high_one(trained_systems, name):
    out = trained_systems[name]([STEREO], sampling_rate=48_000).audios[0]
    # Promised is -50 dB; the ends of the clip, cut abruptly, ring across the edge.
    inner = slice(2_400, -2_400)
    assert rms(band_limited(out - STEREO, 3_500)[:, inner]) < 10 ** (-50 / 20) * rms(STEREO)
    assert rms(out - STEREO) > 1e-3 * rms(STEREO)


def test_nu_wave_is_what_its_network_makes_of_the_noise():
    class Exact(torch.nn.Module):
        """Knows the truth, and so the noise."""

        def forward(self, noisy, condition, level):
            level = level[:, None]
            return (noisy - level * condition) / (1 - level**2).sqrt()

    out = NUWaveSystem(Exact())([STEREO], sampling_rate=48_000, generator=torch.Generator().manual_seed(0))
    # The condition taken for the truth comes out: windows, padding and levels lose nothing but that rounding.
    assert np.abs(out.audios[0] - STEREO).max() < 6e-4 * np.abs(STEREO).max()


def test_long_mels_are_predicted_as_short_ones(trained_systems, monkeypatch):
    predictor = trained_systems["nvsr-dnn"]
    mel = torch.randn(1, 1, 300, 256, generator=torch.Generator().manual_seed(0)) - 7
    whole = predictor.predict(mel)
    monkeypatch.setattr(systems, "MEL_WINDOW", 192)
    # The perceptron sees frames one by one; the windows' weights add up to 1 within float32.
    assert torch.allclose(predictor.predict(mel), whole, atol=1e-5)


def test_silence_and_full_band_are_left_alone(trained_systems):
    silence = np.zeros((1, 24_000), np.float32)
    for system in trained_systems.values():
        assert not system([silence], sampling_rate=48_000).audios[0].any()
    out = trained_systems["nvsr-dnn"]([TRUTH], sampling_rate=48_000).audios[0]
    assert np.array_equal(out, TRUTH)


def test_unprocessed_is_the_input_resampled():
    assert np.array_equal(Unprocessed()([STEREO], sampling_rate=48_000).audios[0], STEREO)
    low_rate = resample(STEREO, 48_000, 16_000)
    assert np.array_equal(Unprocessed()([low_rate], sampling_rate=16_000).audios[0], resample(low_rate, 16_000, 48_000))


def test_gt_mel_is_the_vocoder_of_the_truth_whatever_the_input_is(tiny_pipeline):
    system = GTMel(tiny_pipeline)
    first, second = (
        system({"audio": audio, "sampling_rate": 48_000, "reference": TRUTH}).audios[0] for audio in (INPUT, STEREO)
    )
    assert np.array_equal(first, second) and first.shape == TRUTH.shape
    # By hand: the normalised truth, with a latent frame at each end.
    prepared = tiny_pipeline.preprocess(Clip(TRUTH, 48_000, False), cutoff_freq=24_000)
    with torch.no_grad():
        expected = tiny_pipeline.vocoder(prepared.mel[:, 0]).numpy()
    apply_gain(expected, 1 / prepared.gain)
    expected = expected[:, 3_840 : 3_840 + TRUTH.shape[-1]]
    assert np.abs(first - expected).max() < 1e-4 * np.abs(expected).max()
    with pytest.raises(ValueError, match="needs the true recording"):
        system(INPUT, sampling_rate=48_000)


@pytest.mark.parametrize("through_autoencoder", [False, True])
def test_a_true_stage_makes_its_highs_of_the_truth_at_the_inputs_level(tiny_pipeline, monkeypatch, through_autoencoder):
    mels = []

    def vocode(pipe, mel, prepared):
        mels.append(mel)
        # Louder than the input, in its band too.
        return 10 * TRUTH

    monkeypatch.setattr(AudioSRPipeline, "vocode", vocode)
    system = TrueStage(tiny_pipeline, through_autoencoder)
    out = system({"audio": INPUT, "sampling_rate": 48_000, "reference": TRUTH}).audios[0]
    prepared = tiny_pipeline.preprocess(Clip(INPUT, 48_000, False))
    padded = np.pad(TRUTH - TRUTH.mean(), ((0, 0), (3_840, 3_840))).astype(np.float32)
    apply_gain(padded, prepared.gain)
    mel = tiny_pipeline.feature_extractor(torch.from_numpy(padded))
    assert mels[0].shape == prepared.mel.shape
    # The frames that hear nothing beyond the ends. Within float32; a random autoencoder changes it beyond recognition.
    inside = slice(12, mel.shape[2] - 12)
    assert torch.allclose(mels[0][:, :, inside], mel[:, :, inside], atol=1e-3) != through_autoencoder
    inner = slice(2_400, -2_400)
    assert rms(band_limited(out - INPUT, 3_500)[:, inner]) < 10 ** (-50 / 20) * rms(INPUT)
    assert rms(out - INPUT) > rms(TRUTH - INPUT)
    with pytest.raises(ValueError, match="needs the true recording"):
        system(INPUT, sampling_rate=48_000)


def test_true_levels_moves_each_band_to_the_truths_mean_and_no_more(tiny_pipeline, monkeypatch):
    item = {"audio": INPUT, "sampling_rate": 48_000, "reference": TRUTH}
    mels = []
    monkeypatch.setattr(AudioSRPipeline, "vocode", lambda pipe, mel, prepared: mels.append(mel) or np.zeros_like(TRUTH))
    for system in (TrueLevels(tiny_pipeline), TrueStage(tiny_pipeline, through_autoencoder=False), tiny_pipeline):
        system(item, generator=torch.Generator().manual_seed(0))
    # Before and behind the recording there are margins.
    levelled, true, own = (mel[0, 0, 8:78] for mel in mels)
    bands = [mel.unflatten(-1, (-1, 8)).mean((0, 2)) for mel in (levelled, true)]
    first = num_low_mels(find_bandwidth(INPUT), tiny_pipeline.feature_extractor.mel_edges) // 8 + 2
    # Between the centres of two bands the gain goes from the one's to the other's.
    assert first < 30 and torch.allclose(bands[0][first:-1], bands[1][first:-1], atol=0.3)
    assert (levelled - own)[:, 8 * first :].abs().max() > 1
    with pytest.raises(ValueError, match="True levels needs the true recording"):
        TrueLevels(tiny_pipeline)(INPUT, sampling_rate=48_000)


def test_stored_outputs_are_found_by_name(tmp_path, tiny_pipeline):
    item = {"name": "esc50/paper/4000/a", "audio": INPUT, "sampling_rate": 48_000, "outputs": {}}
    (tmp_path / item["name"]).parent.mkdir(parents=True)
    write_audio(tmp_path / "esc50/paper/4000/a.wav", TRUTH, 48_000, "FLOAT")
    system = systems.load_system(str(tmp_path), tiny_pipeline)
    assert np.array_equal(system(item).audios[0], TRUTH)
    with pytest.raises(systems.NoOutputError, match="esc50/paper/8000/a"):
        system({**item, "name": "esc50/paper/8000/a"})
    path = tmp_path / "esc50/paper/4000/a.wav"
    assert np.array_equal(systems.outputs_of("nuwave")({**item, "outputs": {"nuwave": path}}).audios[0], TRUTH)
    with pytest.raises(systems.NoOutputError, match="no output of nuwave"):
        systems.outputs_of("nuwave")(item)


def test_what_is_no_baseline_is_said(tmp_path, tiny_pipeline):
    Path(tmp_path, "config.json").write_text('{"_class_name": "ISTFTVocoder"}')
    with pytest.raises(ValueError, match="holds a ISTFTVocoder; of the baselines there are NVSRDNN"):
        systems.load_system(str(tmp_path), tiny_pipeline)

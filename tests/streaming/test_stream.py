"""A stream at 48 kHz: the input's own band late, a band above it, and the same bits however it was cut."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosr_pipeline.dsp.lowpass import lowpass
from audiosr_pipeline.streaming import StreamingAudioSR
from tests.signals import band_limited, noise, speech_like


def streamed(stream: StreamingAudioSR, audio: np.ndarray, cuts=()) -> np.ndarray:
    """All of a stream, its latency taken away."""
    parts = [stream.push(part) for part in np.split(audio, cuts, axis=-1)]
    return np.concatenate([*parts, stream.flush()], axis=-1)[..., stream.latency_samples :]


def band_power(audio: np.ndarray, low: float, high: float) -> float:
    frequencies = np.fft.rfftfreq(audio.shape[-1], 1 / 48_000)
    power = np.abs(np.fft.rfft(audio.astype(np.float64) * np.hanning(audio.shape[-1]))) ** 2
    return float(power[..., (frequencies >= low) & (frequencies < high)].sum())


@given(
    rate=st.sampled_from([8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]),
    channels=st.sampled_from([1, 2]),
    cuts=st.lists(st.integers(0, 4_000), max_size=12),
    is_given=st.booleans(),
    seed=st.integers(0, 5),
)
@settings(max_examples=25, deadline=None)
def test_how_the_stream_is_cut_changes_no_bit(tiny_extension, rate, channels, cuts, is_given, seed):
    audio = 0.1 * np.random.default_rng(seed).standard_normal((channels, 4_000 + 137 * seed)).astype(np.float32)
    cutoff_freq = 3_000 if is_given else None
    whole = streamed(StreamingAudioSR(tiny_extension, rate, channels, cutoff_freq), audio)
    cut = streamed(StreamingAudioSR(tiny_extension, rate, channels, cutoff_freq), audio, sorted(cuts))
    assert np.array_equal(whole, cut) and whole.shape == (channels, audio.shape[1] * 48_000 // rate)


def test_a_revised_band_edge_comes_at_the_same_sample_however_the_stream_is_cut(tiny_extension):
    audio = band_limited(noise(1.6, 48_000), 5_000)[0]
    outputs = []
    for cuts in ([], range(333, len(audio), 333)):
        stream = StreamingAudioSR(tiny_extension, 48_000)
        outputs.append((streamed(stream, audio, cuts), stream.report().band_edges))
    assert np.array_equal(outputs[0][0], outputs[1][0]) and outputs[0][1] == outputs[1][1]
    (start, guess), (time, edge) = outputs[0][1]
    # Searched after 0.75 s, used a quarter of a second later, for the audio that is then made.
    assert start == 0 and guess == 22_800 and 0.9 < time < 1.01 and abs(edge - 5_000) < 250


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_an_impulse_comes_when_the_latency_says(tiny_extension, rate):
    stream = StreamingAudioSR(tiny_extension, rate, cutoff_freq=3_500)
    audio = np.zeros(rate // 4, np.float32)
    audio[rate // 8] = 1.0
    output = np.concatenate([stream.push(audio), stream.flush()])
    assert abs(int(np.abs(output).argmax()) - (6_000 + stream.latency_samples)) <= 1
    # 60 ms is the most that speech and play bear.
    assert stream.latency_samples <= 0.06 * 48_000 and len(output) == 12_000 + stream.latency_samples


def test_every_push_gives_the_samples_that_it_brought(tiny_extension):
    stream = StreamingAudioSR(tiny_extension, 44_100, cutoff_freq=8_000)
    pushed = given_back = 0
    for length in (0, 1, 2, 441, 0, 10_000, 3):
        pushed += length
        given_back += len(stream.push(np.zeros(length, np.float32)))
        assert given_back == pushed * 48_000 // 44_100


def test_the_band_that_was_there_stays_and_one_above_it_comes(tiny_extension):
    audio = band_limited(speech_like(1.0, 48_000), 6_000)[0].astype(np.float32)
    output = streamed(StreamingAudioSR(tiny_extension, 48_000, cutoff_freq=6_000), audio)
    # Up to 200 Hz below the edge, where the short window of what is made ends.
    assert band_power(output - audio, 0, 5_800) < 1e-5 * band_power(audio, 0, 5_800)
    assert band_power(output, 7_000, 24_000) > 1e3 * band_power(audio, 7_000, 24_000)


def test_silence_stays_silent(tiny_extension):
    audio = np.concatenate([np.zeros(9_600), 0.1 * noise(0.2, 48_000)[0], np.zeros(9_600)]).astype(np.float32)
    output = streamed(StreamingAudioSR(tiny_extension, 48_000, cutoff_freq=4_000), audio)
    assert not output[:8_000].any() and not output[-7_000:].any() and output[10_000:19_000].any()


def test_a_louder_input_gives_a_louder_band_and_nothing_else(tiny_extension):
    audio = lowpass(0.01 * noise(0.5, 48_000), 6_000)[0]
    outputs = [
        streamed(StreamingAudioSR(tiny_extension, 48_000, cutoff_freq=6_000), gain * audio) for gain in (1.0, 8.0)
    ]
    # What is added near -100 dB, so that silence has a level, is 60 dB below this.
    assert np.allclose(outputs[1], 8 * outputs[0], atol=1e-2 * np.abs(outputs[1]).max())


def test_equal_channels_stay_equal_and_opposite_ones_opposite(tiny_extension):
    audio = lowpass(0.1 * noise(0.5, 48_000), 6_000)[0]
    for sign in (1, -1):
        output = streamed(StreamingAudioSR(tiny_extension, 48_000, 2, 6_000), np.stack([audio, sign * audio]))
        # Turned by 45 degrees and back, in float32.
        assert np.abs(output[0] - sign * output[1]).max() < 1e-5 * np.abs(output).max()
        assert band_power(output[:1], 7_000, 24_000) > 1e2 * band_power(audio[None], 7_000, 24_000)


def test_independent_channels_stay_independent(tiny_extension):
    audio = lowpass(0.1 * np.concatenate([noise(1.0, 48_000, seed) for seed in (1, 2)]), 6_000)
    output = streamed(StreamingAudioSR(tiny_extension, 48_000, 2, 6_000), audio)
    spectra = np.fft.rfft(output)[:, 7_000:]
    coherence = abs(np.vdot(*spectra)) / np.prod(np.linalg.norm(spectra, axis=1))
    # Of 17,000 bins of independent noise: one in a root of their number, five times over.
    assert coherence < 5 / np.sqrt(spectra.shape[1])


def test_a_silent_channel_stays_silent(tiny_extension):
    audio = np.stack([lowpass(0.1 * noise(0.5, 48_000), 6_000)[0], np.zeros(24_000, np.float32)])
    output = streamed(StreamingAudioSR(tiny_extension, 48_000, 2, 6_000), audio)
    assert not output[1].any() and output[0].any()


def test_full_band_sound_passes_late_and_unchanged(tiny_extension):
    audio = 0.1 * noise(0.3, 48_000)[0]
    stream = StreamingAudioSR(tiny_extension, 48_000)
    assert np.array_equal(streamed(stream, audio), audio) and stream.report().reason.startswith("the input has content")


def test_a_band_that_is_no_longer_made_fades_out_and_comes_back(tiny_extension):
    audio = lowpass(0.1 * noise(0.5, 48_000), 6_000)[0]
    stream = StreamingAudioSR(tiny_extension, 48_000)
    edges = iter([6_000.0] * 5 + [24_000.0] * 5 + [6_000.0] * 100)
    stream._edges.push = lambda step: next(edges)
    made = streamed(stream, audio) - audio
    # Ten steps of 30 ms, each 15 ms (three frames of 5 ms) behind what it is made from; half a window of 5 ms
    # fades, and the high-pass of 767 taps after it.
    first, last = 5 * 1_440 - 720, 10 * 1_440 - 720
    assert np.abs(made[first + 240 + 766 : last]).max() < 1e-6 < np.abs(made[first : first + 120]).max()
    # It comes back with the first half of a window, too.
    assert np.abs(made[last : last + 24]).max() < 0.1 * np.abs(made[last + 2_000 :]).max()


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (np.array([0.0, np.nan, 0.1]), r"block has 1 samples that are NaN or infinite, the first nan in channel 0 at"),
        (np.full(3, 1e20), "samples that are beyond 1e"),
        (np.zeros((3, 2)), r"block has shape \(3, 2\); a stream of channels=1 accepts \(num_samples,\) or \(1, num_"),
        (np.zeros((1, 1, 5)), r"shape \(1, 1, 5\)"),
        ([0.0, 0.1], "block is a list; accepted are arrays and tensors"),
        (np.zeros(5, np.int64), "block has dtype int64; accepted are floats, int16, int32 and uint8"),
    ],
)
def test_a_bad_block_is_refused_and_the_stream_goes_on(tiny_extension, block, message):
    audio = 0.1 * noise(0.2, 16_000)[0]
    stream = StreamingAudioSR(tiny_extension, 16_000, cutoff_freq=6_000)
    parts = [stream.push(audio[:999])]
    with pytest.raises(ValueError, match=message):
        stream.push(block)
    parts += [stream.push(audio[999:]), stream.flush()]
    undisturbed = StreamingAudioSR(tiny_extension, 16_000, cutoff_freq=6_000)
    assert np.array_equal(np.concatenate(parts)[stream.latency_samples :], streamed(undisturbed, audio))


def test_integers_and_tensors_are_taken(tiny_extension):
    audio = (3_000 * noise(0.1, 16_000)[0]).clip(-32_768, 32_767).astype(np.int16)
    outputs = [
        streamed(StreamingAudioSR(tiny_extension, 16_000, cutoff_freq=6_000), form)
        for form in (audio, audio / np.float32(32_768))
    ]
    stream = StreamingAudioSR(tiny_extension, 16_000, cutoff_freq=6_000)
    by_tensor = np.concatenate([stream.push(torch.from_numpy(audio)), stream.flush()])[stream.latency_samples :]
    assert np.array_equal(outputs[0], outputs[1]) and np.array_equal(outputs[0], by_tensor)


def test_chunks_of_a_speech_engine_are_one_stream(tiny_extension):
    audio = 0.1 * noise(0.2, 22_050)[0]
    chunks = [(audio[:1_000], 22_050), {"audio": audio[1_000:1_500], "sampling_rate": 22_050}, audio[1_500:]]
    stream = StreamingAudioSR(tiny_extension, 22_050, cutoff_freq=6_000)
    made = np.concatenate(list(stream.over(chunks)))[stream.latency_samples :]
    assert np.array_equal(made, streamed(StreamingAudioSR(tiny_extension, 22_050, cutoff_freq=6_000), audio))
    with pytest.raises(ValueError, match="the block's rate is 24000 Hz, the stream's 22050 Hz"):
        list(StreamingAudioSR(tiny_extension, 22_050).over([(audio, 24_000)]))


def test_a_rate_that_changes_is_refused(tiny_extension):
    stream = StreamingAudioSR(tiny_extension, 16_000)
    stream.push(np.zeros(10, np.float32), sampling_rate=16_000)
    with pytest.raises(ValueError, match="the block's rate is 24000 Hz, the stream's 16000 Hz. Flush this stream"):
        stream.push(np.zeros(10, np.float32), sampling_rate=24_000)


def test_a_stream_that_has_ended_says_so(tiny_extension):
    with StreamingAudioSR(tiny_extension, 16_000) as stream:
        stream.push(np.zeros(10, np.float32))
        stream.flush()
        with pytest.raises(RuntimeError, match="the stream has ended; make another StreamingAudioSR"):
            stream.push(np.zeros(10, np.float32))


def test_two_threads_at_once_are_an_error(tiny_extension):
    stream = StreamingAudioSR(tiny_extension, 16_000, cutoff_freq=6_000)
    has_begun, may_end = threading.Event(), threading.Event()

    original = stream._resampler.push
    stream._resampler.push = lambda audio: (has_begun.set(), may_end.wait(10), original(audio))[-1]
    thread = threading.Thread(target=stream.push, args=(np.zeros(10, np.float32),))
    thread.start()
    has_begun.wait(10)
    try:
        with pytest.raises(RuntimeError, match="another thread is pushing to this stream"):
            stream.push(np.zeros(10, np.float32))
    finally:
        may_end.set()
        thread.join()
    # The first thread's block counts, the other's doesn't.
    assert stream.report().duration_s == 10 / 16_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sampling_rate": 96_000}, "sampling_rate=96000; a stream's is at most 48000 Hz"),
        ({"sampling_rate": "16000"}, "sampling_rate='16000' for the stream; accepted are whole rates"),
        ({"sampling_rate": 16_000, "channels": 3}, "channels=3; accepted are 1 and 2"),
        ({"sampling_rate": 16_000, "cutoff_freq": 100}, "cutoff_freq=100; accepted are 2000 to 8000 Hz"),
        ({"sampling_rate": 48_000, "cutoff_freq": 22_000}, "cutoff_freq=22000; accepted are 2000 to 20000 Hz"),
        ({"sampling_rate": 16_000, "model": 3}, "model is a int; accepted are a StreamingExtension, the folder of one"),
    ],
)
def test_what_cannot_be_a_stream_is_a_value_error(tiny_extension, arguments, message):
    with pytest.raises(ValueError, match=message):
        StreamingAudioSR(**{"model": tiny_extension, **arguments})


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(OSError, match=f"no streaming model in {tmp_path}"):
        StreamingAudioSR(tmp_path, 16_000)


def test_a_saved_network_is_a_stream_s_model(tiny_extension, tmp_path):
    tiny_extension.save_pretrained(tmp_path / "network")
    audio = 0.1 * noise(0.1, 16_000)[0]
    outputs = [
        streamed(StreamingAudioSR(model, 16_000, cutoff_freq=6_000), audio)
        for model in (tiny_extension, tmp_path / "network")
    ]
    assert np.array_equal(*outputs)

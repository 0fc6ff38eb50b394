"""SRC-gAudio's networks: the published sizes, front ends of one frame rate, a rate that counts."""

import math

import pytest
import torch

from audiosr_pipeline.models.src_gaudio import (
    FRONT_ENDS,
    build_feature_extractor,
    build_projection,
    build_unet,
    build_vae,
    build_vocoder,
    rate_features,
)


def millions(*networks: torch.nn.Module) -> float:
    return sum(parameter.numel() for network in networks for parameter in network.parameters()) / 1e6


def test_the_networks_have_the_published_sizes():
    with torch.device("meta"):
        # The paper says 561 M: both ways to tell the rate fit.
        assert millions(build_unet(rate_as_class=True)) == pytest.approx(561.097, abs=1e-3)
        assert millions(build_unet(), build_projection()) == pytest.approx(561.150, abs=1e-3)
        assert millions(build_vae()) == pytest.approx(55.377, abs=1e-3)
        vocoders = [millions(build_vocoder(rate)) for rate in FRONT_ENDS]
    assert vocoders == pytest.approx([55.265, 55.298, 55.265, 52.381], abs=1e-3)


@pytest.mark.parametrize("rate", FRONT_ENDS)
def test_every_rate_has_100_frames_a_second_of_64_bins(rate):
    front_end = FRONT_ENDS[rate]
    assert math.prod(front_end.upsample_rates) == front_end.hop_length == rate // 100
    mel = build_feature_extractor(rate)(torch.randn(1, rate // 5))
    assert mel.shape == (1, 1, 20, 64)
    vocoder = build_vocoder(rate, width=32).eval()
    with torch.no_grad():
        made = vocoder(mel[:, 0])
    # Kernels of another parity than their factors make less than a frame too much, never too little.
    assert 0 <= made.shape[-1] - rate // 5 < front_end.hop_length


def test_the_rate_s_features_are_of_its_khz():
    features = rate_features(torch.tensor([16_000.0, 48_000.0]), 32)
    assert features.shape == (2, 1, 32)
    assert not torch.equal(features[0], features[1])
    # The highest of the frequencies is one radian per kHz.
    assert float(features[0, 0, 0]) == pytest.approx(math.sin(16), abs=1e-5)

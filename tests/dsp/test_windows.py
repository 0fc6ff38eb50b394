"""Windows over something long: what is merged from them is what the whole would have given."""

from itertools import pairwise

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from audiosr_pipeline.dsp.windows import merge_windows, split_windows, window_weights


@st.composite
def layouts(draw):
    """Length, window, overlap and cross-fade in frames, and positions per frame."""
    window_frames = draw(st.integers(2, 64))
    overlap_frames = draw(st.integers(1, window_frames - 1))
    fade_frames = draw(st.integers(1, overlap_frames))
    return draw(st.integers(1, 400)), window_frames, overlap_frames, fade_frames, draw(st.sampled_from([1, 3, 8]))


@settings(max_examples=200, deadline=None)
@given(layouts())
def test_windows_cover_everything_evenly(layout):
    num_frames, window_frames, overlap_frames, _, _ = layout
    windows = split_windows(num_frames, window_frames, overlap_frames)
    assert windows[0].start == 0 and windows[-1].stop == num_frames
    assert windows[0].fade_in is None and windows[-1].fade_out is None
    assert {window.stop - window.start for window in windows} == {min(num_frames, window_frames)}
    strides = [after.start - before.start for before, after in pairwise(windows)]
    assert all(0 < stride <= window_frames - overlap_frames for stride in strides)
    # To whole frames.
    assert not strides or max(strides) - min(strides) <= 1
    # No more than needed: one fewer would leave a gap.
    if len(windows) > 1:
        assert (len(windows) - 1) * (window_frames - overlap_frames) < num_frames - overlap_frames
    for before, after in pairwise(windows):
        assert before.fade_out == after.fade_in == (after.start + before.stop) / 2


@settings(max_examples=200, deadline=None)
@given(layouts())
def test_weights_add_up_to_one_everywhere(layout):
    num_frames, window_frames, overlap_frames, fade_frames, resolution = layout
    total = torch.zeros(num_frames * resolution, dtype=torch.float64)
    for window in split_windows(num_frames, window_frames, overlap_frames):
        weights = window_weights(window, fade_frames, resolution)
        assert weights.shape == ((window.stop - window.start) * resolution,)
        assert weights.min() > -1e-6 and weights.max() < 1 + 1e-6
        total[window.start * resolution : window.stop * resolution] += weights
    # Float32 weights.
    assert (total - 1).abs().max() < 1e-6


@settings(max_examples=100, deadline=None)
@given(layouts())
def test_margins_are_discarded(layout):
    """At its inner ends a window counts for nothing, half as far in as the overlap leaves beside the cross-fade."""
    num_frames, window_frames, overlap_frames, fade_frames, resolution = layout
    windows = split_windows(num_frames, window_frames, overlap_frames)
    margin = (overlap_frames - fade_frames) // 2 * resolution
    assume(len(windows) > 1 and margin > 0)
    for index, window in enumerate(windows):
        weights = window_weights(window, fade_frames, resolution)
        begin, end = weights[:margin], weights[-margin:]
        # Float32 weights.
        assert (begin == 1).all() if index == 0 else begin.abs().max() < 1e-6
        assert (end == 1).all() if index == len(windows) - 1 else end.abs().max() < 1e-6


def test_cross_fades_are_straight_lines():
    first, second = split_windows(14, 10, 6)
    assert (first.start, first.stop, second.start, second.stop) == (0, 10, 4, 14)
    # From frame 5 to frame 9, around the middle of the overlap at 7; weights are taken at the frames' centres.
    assert window_weights(first, 4).tolist() == [1, 1, 1, 1, 1, 0.875, 0.625, 0.375, 0.125, 0]
    assert window_weights(second, 4).tolist() == [0, 0.125, 0.375, 0.625, 0.875, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("num_frames", [1, 9, 10])
def test_what_fits_a_window_is_one_window(num_frames):
    (window,) = split_windows(num_frames, 10, 4)
    assert (window.start, window.stop) == (0, num_frames)
    assert (window_weights(window, 4, 3) == 1).all() and len(window_weights(window, 4, 3)) == 3 * num_frames


@pytest.mark.parametrize("dim", [-1, -2, -3])
@settings(max_examples=50, deadline=None)
@given(layout=layouts())
def test_merging_what_was_not_changed_gives_it_back(layout, dim):
    num_frames, window_frames, overlap_frames, fade_frames, resolution = layout
    whole = torch.randn(2, num_frames * resolution, 3, generator=torch.Generator().manual_seed(0)).movedim(1, dim)
    windows = split_windows(num_frames, window_frames, overlap_frames)
    parts = (whole.movedim(dim, -1)[..., w.start * resolution : w.stop * resolution].movedim(-1, dim) for w in windows)
    merged = merge_windows(parts, windows, fade_frames, resolution, dim)
    assert merged.shape == whole.shape
    assert (merged - whole).abs().max() < 1e-5


def test_a_network_that_sees_no_further_than_the_margin_gives_the_same_in_windows():
    torch.manual_seed(0)
    # Sees 3 frames to either side, and pads its ends with zeros, which a window has where the whole has none.
    network = nn.Sequential(nn.Conv1d(2, 4, 5, padding=2), nn.Tanh(), nn.Conv1d(4, 2, 3, padding=1))
    for overlap_frames, same in ((4 + 2 * 3, True), (4 + 2 * 1, False)):
        num_frames = 25 + 4 * (25 - overlap_frames)
        audio = torch.randn(1, 2, num_frames)
        windows = split_windows(num_frames, 25, overlap_frames)
        assert len(windows) == 5
        merged = merge_windows((network(audio[..., w.start : w.stop]) for w in windows), windows, 4, dim=-1)
        assert torch.allclose(merged, network(audio), atol=1e-5) is same


def test_half_precision_is_kept():
    windows = split_windows(30, 16, 8)
    merged = merge_windows((torch.ones(1, 16, 2, dtype=torch.bfloat16) for _ in windows), windows, 4)
    assert merged.dtype == torch.bfloat16
    # Two weights rounded to 8 bit.
    assert (merged.float() - 1).abs().max() < 0.01

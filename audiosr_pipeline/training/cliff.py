"""Recordings that stop at a codec's or a converter's cliff, continued to full band as training targets.

Most free recordings end between 15 and 22 kHz, for reasons that their sound doesn't tell. A model that learns from them
as they are guesses such an edge, and guesses it anew at every place of a clip.
"""

import numpy as np
import torch
from torch import Tensor

from audiosr_pipeline.models.feature_extractor import MelFeatureExtractor

# Numbers of bins are of AudioSR's 256 mel bins, 43 to an octave up here; levels are in nepers (8.7 dB).
# 12 kHz: what stops lower would be continued with what lies below 5 kHz, another part of the sound.
LOWEST_CLIFF = 213
# The bands whose levels are compared, and what is left out on each side of the cliff between them.
NUM_BELOW, NUM_ABOVE, NUM_LEFT_OUT = 6, 4, 1
# 10 dB from one band's centre to the other's, a sixth of an octave: over 60 dB per octave, which natural spectra don't
# fall by in most frames.
CLIFF_DEPTH = 1.2
ACTIVE = 2.0
MIN_ACTIVE_FRAMES = 8
# Where the cliff is steepest, the bins below already lie on its slope.
NUM_ON_SLOPE = 4
NUM_TREND = 40
# Per bin; 30 dB per octave.
STEEPEST_TREND = 0.08


def find_cliff(mel: Tensor, log_floor: float) -> int:
    """The first mel bin above a cliff: where the level falls by more than 60 dB per octave in most frames.

    Only frames with something below it count, and eight of them are needed: silence has no cliff. A steady tone above
    12 kHz that stands out of what surrounds it by some 30 dB counts as one.

    Args:
        mel: Log-mel of one clip `(1, num_frames, 256)`.
        log_floor: The value of an empty bin.

    Returns:
        A bin, at 12 kHz or above; 256 if there is no cliff.
    """
    n_mels = mel.shape[-1]
    sums = torch.nn.functional.pad(mel[0].double().cumsum(-1), (1, 0))

    def level(start: Tensor, stop: Tensor) -> Tensor:
        return (sums[:, stop] - sums[:, start]) / (stop - start)

    cliffs = torch.arange(LOWEST_CLIFF, n_mels - NUM_ABOVE + 1, device=mel.device)
    top, bottom = cliffs - NUM_LEFT_OUT, cliffs + NUM_LEFT_OUT
    below = level(top - NUM_BELOW, top)
    above = level(bottom, (bottom + NUM_ABOVE).clamp(max=n_mels))
    active = below > log_floor + ACTIVE
    drops = torch.where(active, below - above, torch.nan).nanmedian(0).values
    drops = torch.where(active.sum(0) >= MIN_ACTIVE_FRAMES, drops, 0.0)
    if drops.max() < CLIFF_DEPTH:
        return n_mels
    # The lowest, where it is steepest: a codec lets loud transients through up to a second cliff.
    lowest = int((drops >= CLIFF_DEPTH).nonzero()[0])
    return int(cliffs[lowest + drops[lowest : lowest + NUM_BELOW].argmax()])


def continue_band(mel: Tensor, log_floor: float) -> Tensor:
    """Continues a log-mel spectrogram above its cliff: the band below it mirrored, falling with that band's trend.

    So the continuation has the texture and the timing of what it mirrors. It begins four bins below the cliff, on the
    slope. Bins that hold more keep it.

    Args:
        mel: Log-mel of one clip `(1, num_frames, 256)`.
        log_floor: The value of an empty bin.

    Returns:
        A mel spectrogram of the same shape, without a cliff; `mel` itself if it has none.
    """
    n_mels = mel.shape[-1]
    cliff = find_cliff(mel, log_floor)
    if cliff == n_mels:
        return mel
    known = cliff - NUM_ON_SLOPE
    missing = n_mels - known
    bins = torch.arange(NUM_TREND, device=mel.device) - (NUM_TREND - 1) / 2
    trend = (mel[..., known - NUM_TREND : known].mean((0, 1)) * bins).sum() / bins.square().sum()
    falling = trend.clamp(-STEEPEST_TREND, 0.0) * (2 * torch.arange(missing, device=mel.device) + 1)
    mirrored = (mel[..., known - missing : known].flip(-1) + falling).clamp(min=log_floor)
    return torch.cat([mel[..., :known], torch.maximum(mel[..., known:], mirrored)], dim=-1)


def content_edges(mel: Tensor, feature_extractor: MelFeatureExtractor) -> Tensor:
    """Where each crop's own content ends in Hz, `(batch,)`: at a coder's or converter's cliff, else nowhere (48 kHz).

    Args:
        mel: Log-mel of the truths `(batch, 1, num_frames, n_mels)`.
        feature_extractor: What made it.
    """
    # A bin begins where the one two below ends. At the Nyquist frequency there is a bin too.
    starts = np.concatenate([np.zeros(2), feature_extractor.mel_edges[:-2], [feature_extractor.sampling_rate]])
    n_mels = feature_extractor.n_mels
    cliffs = [find_cliff(clip, feature_extractor.log_floor) for clip in mel]
    return torch.tensor([starts[cliff if cliff == n_mels else cliff - NUM_ON_SLOPE] for cliff in cliffs]).float()

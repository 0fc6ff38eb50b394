"""The picture of docs/method.md, one clip through the pipeline: `python -m benchmarks.method_figure`."""

from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.dsp.low_band import DB_PER_NEPER
from audiosr_pipeline.pipelines.inputs import load_clips
from audiosr_pipeline.spectrogram import spectrogram_db

ROOT = Path(__file__).parents[1]
CLIP = ROOT / "examples" / "listening" / "clips" / "music.wav"
OUTPUT = ROOT / "docs" / "method.png"
# What is drawn of the clip, in seconds.
START_S, END_S = 0.0, 2.0
RANGE_DB = 90.0


def main() -> None:
    """Runs the clip step by step and draws what each step makes."""
    pipe = AudioSRPipeline.from_pretrained("audiosr-mini")
    pipe.set_progress_bar_config(disable=True)
    stereo = load_clips(str(CLIP), None)[0]
    # One channel: the networks see one mel spectrogram.
    clip = load_clips(stereo.audio[0], stereo.sampling_rate)[0]
    prepared = pipe.preprocess(clip)
    assert prepared.mel is not None
    out = pipe(clip.audio[0], clip.sampling_rate, generator=torch.Generator().manual_seed(0), output_type="latent")
    latents = torch.as_tensor(out.audios[0])
    generated = pipe.decode(latents.reshape(1, *latents.shape[-3:]))
    expected = pipe.expect(prepared.mel, prepared.inspection.cutoff_freq)
    adjusted = pipe.adjust(generated.clone(), prepared)
    spliced = pipe.replace_low_band(pipe.vocode(adjusted, prepared), prepared)

    centres = pipe.feature_extractor.mel_edges
    num_low = int(np.searchsorted(centres, prepared.inspection.cutoff_freq))
    # What the predictor says of the band that it was given has no meaning.
    expected[..., :num_low] = prepared.mel[..., :num_low]
    figure = Figure(figsize=(13, 6.4), layout="constrained")
    panels = figure.subplots(2, 3, sharex=True)
    edge_khz = prepared.inspection.bandwidth / 1_000
    margin_s = pipe.grid.margin_samples / pipe.sampling_rate

    def draw(panel: Axes, title: str, levels_db: np.ndarray, extent: tuple[float, float, float, float]) -> None:
        top = levels_db.max()
        panel.imshow(
            levels_db, extent=extent, origin="lower", aspect="auto", cmap="magma", vmin=top - RANGE_DB, vmax=top
        )
        panel.set(xlim=(START_S, END_S))
        panel.set_title(title, fontsize="medium", loc="left")

    def draw_audio(panel: Axes, title: str, audio: np.ndarray, sampling_rate: int) -> None:
        extent = (0, audio.shape[-1] / sampling_rate, 0, sampling_rate / 2_000)
        draw(panel, title, spectrogram_db(audio, sampling_rate), extent)
        panel.set(ylim=(0, 24), ylabel="frequency (kHz)")
        panel.set_facecolor("black")
        panel.axhline(edge_khz, color="white", linewidth=0.8, linestyle="--")

    def draw_mel(panel: Axes, title: str, mel: torch.Tensor) -> None:
        levels_db = DB_PER_NEPER * mel[0, 0].T.cpu().numpy()
        seconds = levels_db.shape[1] * pipe.feature_extractor.hop_length / pipe.sampling_rate
        draw(panel, title, levels_db, (-margin_s, seconds - margin_s, 0, len(centres)))
        panel.axhline(num_low, color="white", linewidth=0.8, linestyle="--")
        panel.set_ylabel("mel bin")

    draw_audio(panels[0, 0], "1-2. Input, and its band edge", clip.audio, clip.sampling_rate)
    draw_mel(panels[0, 1], "3. Condition: the low-passed input's mel spectrogram", prepared.mel)
    draw_mel(panels[0, 2], "5-6. Denoised from noise, decoded", generated)
    draw_mel(panels[1, 0], "6. What the envelope predictor expects", expected)
    draw_mel(panels[1, 1], "6. The envelope adjusted", adjusted)
    draw_audio(panels[1, 2], "7. Vocoded, and the input's own band put back", spliced.audio, pipe.sampling_rate)
    for panel in panels[1]:
        panel.set_xlabel("time (s)")
    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=90)
    # With 256 colours, which show no less, it takes a third.
    Image.open(drawn).convert("RGB").quantize(method=Image.Quantize.MAXCOVERAGE).save(
        OUTPUT, format="png", optimize=True
    )


if __name__ == "__main__":
    main()

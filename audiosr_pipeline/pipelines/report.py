"""What is reported of a clip."""

from pathlib import Path
from typing import Any

from audiosr_pipeline.pipelines.outputs import AudioSRReport
from audiosr_pipeline.pipelines.prepared_clip import PreparedClip
from audiosr_pipeline.pipelines.settings import CallSettings
from audiosr_pipeline.pipelines.splice import Spliced, mean_power, ratio_db

INTERRUPTED = "denoising was interrupted"


def report_of(
    prepared: PreparedClip,
    spliced: Spliced | None,
    settings: CallSettings,
    seed: int | None,
    was_generated: bool,
    interrupted: bool,
    model: str,
) -> AudioSRReport:
    """What was found in a clip, what was done and what was measured.

    Args:
        prepared: The clip.
        spliced: Its result; None where latents are returned.
        settings: Of the call.
        seed: Of the clip's generator.
        was_generated: Whether anything was.
        interrupted: Whether denoising was interrupted, or not begun.
        model: Where the pipeline came from; "" if it was built.
    """
    clip, found = prepared.clip, prepared.inspection
    fields: dict[str, Any] = {**vars(found), "notes": (*clip.notes, *found.notes)}
    if spliced is not None:
        fields["notes"] += spliced.notes
        fields["peak"] = float(max(spliced.audio.max(), -spliced.audio.min()))
        if was_generated:
            fields["low_band_error_db"] = spliced.low_band_error_db
            fields["level_change_db"] = ratio_db(mean_power(spliced.audio), mean_power(prepared.audio))
    if was_generated:
        fields |= {"settings": settings.in_report(), "seed": seed, "model": Path(model).name if model else None}
        if interrupted:
            fields["notes"] += (INTERRUPTED,)
    elif interrupted:
        fields |= {"action": "left_alone", "reason": f"{INTERRUPTED} before this clip's turn"}
    return AudioSRReport(
        sampling_rate=clip.sampling_rate,
        num_channels=len(prepared.audio),
        duration_s=clip.audio.shape[-1] / clip.sampling_rate,
        **fields,
    )

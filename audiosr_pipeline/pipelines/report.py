"""What is reported of a clip."""

from pathlib import Path
from typing import Any

from audiosr_pipeline.pipelines.clip_run import ClipRun
from audiosr_pipeline.pipelines.outputs import AudioSRReport
from audiosr_pipeline.pipelines.settings import CallSettings
from audiosr_pipeline.pipelines.splice import Spliced, mean_power, ratio_db

INTERRUPTED = "denoising was interrupted"


def report_of(run: ClipRun, spliced: Spliced | None, settings: CallSettings, model: str) -> AudioSRReport:
    """What was found in a clip, what was done and what was measured.

    Args:
        run: The clip at the end of the call.
        spliced: Its result; None where latents are returned.
        settings: Of the call.
        model: Where the pipeline came from; "" if it was built.
    """
    clip, audio, found = run.prepared.clip, run.prepared.audio, run.prepared.inspection
    fields: dict[str, Any] = {**vars(found), "notes": (*clip.notes, *run.notes, *found.notes)}
    if spliced is not None:
        fields["notes"] += spliced.notes
        fields["peak"] = float(max(spliced.audio.max(), -spliced.audio.min()))
    if run.generated is not None:
        if spliced is not None:
            fields["low_band_error_db"] = spliced.low_band_error_db
            fields["level_change_db"] = ratio_db(mean_power(spliced.audio), mean_power(audio))
        fields |= {"settings": settings.in_report(), "seed": run.seed, "model": Path(model).name if model else None}
        if run.was_interrupted:
            fields["notes"] += (INTERRUPTED,)
    elif found.action == "enhanced":
        fields |= {"action": "left_alone", "reason": f"{INTERRUPTED} before this clip's turn"}
    return AudioSRReport(
        sampling_rate=clip.sampling_rate,
        num_channels=len(audio),
        duration_s=clip.audio.shape[-1] / clip.sampling_rate,
        **fields,
    )

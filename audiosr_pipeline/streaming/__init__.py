"""AudioSR while the sound is being made: blocks in, blocks at 48 kHz out, a few hundredths of a second later."""

from audiosr_pipeline.streaming.export import export_onnx
from audiosr_pipeline.streaming.report import StreamReport
from audiosr_pipeline.streaming.stream import StreamingAudioSR

__all__ = ["StreamReport", "StreamingAudioSR", "export_onnx"]

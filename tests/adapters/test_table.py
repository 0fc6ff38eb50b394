"""The table of generators in docs/adapters.md: all of them stand there, and each is tested on its own class."""

import re
from pathlib import Path

import pytest
from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_TO_WAVEFORM_MAPPING_NAMES

from audiosr_pipeline.adapters.diffusers_pipelines import SilentAdapter
from audiosr_pipeline.adapters.find import ADAPTERS
from audiosr_pipeline.adapters.transformers_models import CodesAdapter
from tests.adapters.cases import CASES

# Where each class is taken from a prompt to 48 kHz: a case in `cases.py`, or a file that says why it is elsewhere.
TESTED = {
    "AudioLDMPipeline": "AudioLDM",
    "AudioLDM2Pipeline": "AudioLDM 2, two per prompt",
    "MusicLDMPipeline": "MusicLDM, two per prompt",
    "StableAudioPipeline": "Stable Audio",
    "StableAudio3Pipeline": "Stable Audio 3",
    "StableAudio3AudioToAudioPipeline": "Stable Audio 3, audio to audio",
    "StableAudio3InpaintPipeline": "Stable Audio 3, inpainting",
    "AceStepPipeline": "ACE-Step",
    "LongCatAudioDiTPipeline": "LongCat-AudioDiT",
    "LTX2Pipeline": "LTX-2",
    "LTX2ImageToVideoPipeline": "LTX-2, image to video",
    "LTX2ConditionPipeline": "LTX-2, condition",
    "LTX2InContextPipeline": "LTX-2, in context",
    "LTX2DFRPipeline": "LTX-2 DFR",
    "LTX2DFRTemporalRefinePipeline": "LTX-2 DFR, temporal refinement",
    "LTX2ModularPipeline": "LTX-2, modular",
    "EchoModularPipeline": "Echo, modular, one value",
    "Kandinsky6TI2VAPipeline": "Kandinsky 6",
    "Cosmos3OmniPipeline": "Cosmos 3 Omni",
    "Cosmos3OmniModularPipeline": "Cosmos 3, modular",
    "MiniMaxH3ModularPipeline": "MiniMax H3, modular",
    "MiniMaxMusic3ModularPipeline": "MiniMax Music 3, modular, several values",
    "DanceDiffusionPipeline": "Dance Diffusion",
    "AudioDiffusionPipeline": "Audio Diffusion",
    "SpectrogramDiffusionPipeline": "Spectrogram Diffusion",
    "MusicgenForConditionalGeneration": "MusicGen",
    "MusicgenMelodyForConditionalGeneration": "MusicGen Melody",
    "BarkModel": "Bark",
    "VitsModel": "VITS",
    "FastSpeech2ConformerWithHifiGan": "FastSpeech 2",
    "SpeechT5ForTextToSpeech": "SpeechT5",
    "SpeechT5ForSpeechToSpeech": "SpeechT5, speech to speech",
    "SeamlessM4TForTextToSpeech": "SeamlessM4T",
    "SeamlessM4TForSpeechToSpeech": "SeamlessM4T, speech to speech",
    "SeamlessM4TModel": "SeamlessM4T, every task",
    "SeamlessM4Tv2ForTextToSpeech": "SeamlessM4T v2",
    "SeamlessM4Tv2ForSpeechToSpeech": "SeamlessM4T v2, speech to speech",
    "SeamlessM4Tv2Model": "SeamlessM4T v2, every task",
    "CsmForConditionalGeneration": "CSM",
    "MoshiForConditionalGeneration": "Moshi",
    "VibeVoiceForConditionalGeneration": "VibeVoice",
    "Qwen2_5OmniForConditionalGeneration": "Qwen 2.5 Omni",
    "Qwen3OmniMoeForConditionalGeneration": "Qwen 3 Omni",
    "DiaProcessor": "Dia, its processor",
    "HiggsAudioV2Processor": "Higgs Audio 2, its processor",
    "PocketTTSProcessor": "Pocket TTS, its processor",
    "TextToAudioPipeline": "text-to-audio",
    "DAGPipeline": "test_own_pipelines.py",
    "SRCgAudioPipeline": "../pipelines/test_src_gaudio_pipeline.py",
    # Their code needs an environment of its own.
    "MusicGen": "test_audiocraft.py",
    "AudioGen": "test_audiocraft.py",
}
# These give no audio: refused before they generate (test_bad_input.py).
REFUSED = (*CodesAdapter.classes, *SilentAdapter.classes)


def rows() -> list[list[str]]:
    """The cells of each row of the table: generators, call, what comes back, and how it is saved."""
    text = (Path(__file__).parents[2] / "docs" / "adapters.md").read_text(encoding="utf-8")
    table = text.partition("| Generator | Call |")[2].partition("| **any other**")[0]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:] if line]
    return [cells for cells in lines if cells[1]]


def row_of(name: str) -> list[str]:
    (row,) = (cells for cells in rows() if f"`{name}`" in cells[0])
    return row


@pytest.mark.parametrize("name", [name for _, name in ADAPTERS if name not in REFUSED])
def test_each_generator_stands_in_the_table_once_with_its_test(name):
    row = row_of(name)
    assert len(row) == 4 and all(row) and "48" not in row[1]
    assert re.search(r"`write\(path, .*out(\.|\[\")sampling_rate", row[3])
    assert TESTED[name] in CASES or (Path(__file__).parent / TESTED[name]).exists()
    # Of the case's generator, as it was printed when all were run.
    forms = (Path(__file__).parents[2] / "benchmarks" / "results" / "generator_forms.md").read_text(encoding="utf-8")
    assert TESTED[name] not in CASES or f"| {TESTED[name]} | {name} |" in forms


def test_whatever_makes_waveforms_in_transformers_is_known():
    assert set(MODEL_FOR_TEXT_TO_WAVEFORM_MAPPING_NAMES.values()) <= {name for _, name in ADAPTERS}

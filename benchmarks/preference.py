"""The paper's listening test: its sample sets from its generators, both of its questions, and a page for listeners.

    python -m benchmarks.preference --musiccaps musiccaps-public.csv --audiocaps test.csv --ljspeech metadata.csv \
        --output study

What happens to the answers says `audiosr-pipeline study analyse --help`. Generating 120 items takes an accelerator, and
downloads the three generators and the tagger. The speech generator needs g2p-en.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from audiosr_pipeline.study.build import StudySettings, build_study
from audiosr_pipeline.study.items import PromptSet, read_captions

# Of arXiv:2309.07314: how many items of each generator; what the tagger takes for no music is left out of MusicGen's.
NUM_ITEMS = {"musicgen": 50, "audioldm": 50, "fastspeech2": 20}
MUSIC_ONLY = "musicgen"
# The paper doesn't say how many items a listener had. With these each item is in one pair of forms, and a form has 24
# preferences and 48 ratings beside training and checks: about half an hour.
NUM_FORMS, ITEMS_PER_FORM = 10, 24
TITLE = "Which sounds better?"
# Columns of LJSpeech's metadata.csv, which has no header and is separated by |, without quotes.
LJSPEECH_ID, LJSPEECH_TEXT = 0, 2


def paper_sets(captions: Mapping[str, Mapping[str, str]]) -> list[PromptSet]:
    """The paper's sets, of prompts by item for each generator."""
    return [
        PromptSet(generator, captions[generator], num_items, music_only=generator == MUSIC_ONLY)
        for generator, num_items in NUM_ITEMS.items()
    ]


def read_ljspeech(path: Path) -> dict[str, str]:
    """LJSpeech's normalised transcripts by clip.

    Raises:
        ValueError: If a line isn't as in LJSpeech's metadata.csv.
    """
    transcripts = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fields = line.split("|")
        if len(fields) != 3:
            raise ValueError(f"{path}, line {number}: {len(fields)} fields between |, LJSpeech's metadata.csv has 3.")
        transcripts[fields[LJSPEECH_ID]] = fields[LJSPEECH_TEXT]
    return transcripts


def main() -> int:
    """Runs the program with the command line's arguments; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.preference", description=__doc__.partition("\n")[0])
    parser.add_argument("--musiccaps", required=True, type=Path, help="MusicCaps' CSV file, with a column caption")
    parser.add_argument("--audiocaps", required=True, type=Path, help="AudioCaps' CSV file, with a column caption")
    parser.add_argument("--ljspeech", required=True, type=Path, help="LJSpeech's metadata.csv")
    parser.add_argument("--output", required=True, type=Path, help="folder to write, new or empty")
    parser.add_argument("--checkpoint", default="audiosr-mini", help="what AudioSR's from_pretrained takes")
    parser.add_argument("--device", help="default: cuda if there is one, else cpu")
    arguments = parser.parse_args()
    captions = {
        "musicgen": read_captions(arguments.musiccaps),
        "audioldm": read_captions(arguments.audiocaps),
        "fastspeech2": read_ljspeech(arguments.ljspeech),
    }
    settings = StudySettings(
        title=TITLE,
        checkpoint=arguments.checkpoint,
        device=arguments.device,
        num_forms=NUM_FORMS,
        items_per_form=ITEMS_PER_FORM,
    )
    manifest = build_study(arguments.output, paper_sets(captions), settings=settings, show_progress=True)
    print(f"study {manifest['study']}: {len(manifest['items'])} items, {len(manifest['skipped'])} left out")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The page that a listener opens: a folder that works from the disk and from `study serve`, without a network."""

import base64
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audiosr_pipeline.study.answers import FIELDS

SOURCES = Path(__file__).parent
DATA = '<script type="application/json" id="study">'


def write_page(folder: Path | str, study: Mapping[str, Any], audio: Mapping[str, Path]) -> None:
    """Writes the page of a study: `index.html`, `stimuli/<name>.js` and `audio/<name>.<format>`.

    The page holds its script, its style and the study. The stimuli are scripts, because a page opened from the disk can
    load those, but no other files.

    Args:
        folder: Where the page goes; made if it isn't there.
        study: What the page asks: `study` (16 hexadecimal digits), `title`, `forms` (orders of the trials, each with
            `trial`, `question`, `training`, `a`, for `"preference"` `b`, and `prompt` if it is shown), `durations_s`
            in s of the stimuli by name; optional `question_texts` by question, and `consent`, paragraphs parted by
            empty lines.
        audio: File of each stimulus by name, in a format that browsers play: WAV or FLAC.

    Raises:
        ValueError: If a stimulus of a form has no file or no duration.
    """
    folder = Path(folder)
    for name in sorted(stimuli_of(study)):
        if name not in audio or name not in study["durations_s"]:
            raise ValueError(f"stimulus {name!r} of the forms has no entry in audio or in durations_s: give it both.")
    for part in ("stimuli", "audio"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name in sorted(stimuli_of(study)):
        data = base64.b64encode(audio[name].read_bytes()).decode("ascii")
        script = f'stimulus("{name}", "{audio[name].suffix[1:]}", "{data}");\n'
        (folder / "stimuli" / f"{name}.js").write_text(script, encoding="ascii")
        copy = folder / "audio" / f"{name}{audio[name].suffix}"
        if copy.resolve() != audio[name].resolve():
            shutil.copyfile(audio[name], copy)
    (folder / "index.html").write_text(_filled_template(study), encoding="utf-8", newline="\n")


def read_study(folder: Path | str) -> dict[str, Any]:
    """The study of a page that `write_page` wrote.

    Raises:
        ValueError: If the folder holds no such page.
    """
    index = Path(folder) / "index.html"
    text = index.read_text(encoding="utf-8") if index.is_file() else ""
    if not (match := re.search(f"{re.escape(DATA)}(.+?)</script>", text)):
        raise ValueError(f"{folder} holds no page of a study: give the folder page/ that study build wrote.")
    study = json.loads(match[1])["study"]
    # They become names of files.
    if strange := [name for name in stimuli_of(study) if not re.fullmatch("[0-9a-f]{12}", name)]:
        raise ValueError(f"{folder} has a page with the stimulus {strange[0]!r}, which no study gives.")
    return study


def stimuli_of(study: Mapping[str, Any]) -> set[str]:
    """Names of all stimuli in the forms of a study."""
    return {trial[side] for form in study["forms"] for trial in form for side in ("a", "b") if side in trial}


def _filled_template(study: Mapping[str, Any]) -> str:
    """`index.html` with the files that it names put in their places, and the study."""

    def source(name: str) -> str:
        return (SOURCES / name).read_text(encoding="utf-8")

    # In JSON `<` occurs in texts alone; escaped, none of them can end the element.
    data = json.dumps({"study": study, "fields": FIELDS}).replace("<", r"\u003c")
    page = source("index.html").replace(DATA, DATA + data)
    page = page.replace('<link rel="stylesheet" href="style.css">', f"<style>\n{source('style.css')}</style>")
    return re.sub(r'<script src="(\w+\.js)">', lambda match: f"<script>\n{source(match[1])}", page)

"""What the documents show can be done: Python is run, commands are parsed, links lead somewhere."""

import configparser
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from diffusers import AudioLDMPipeline

from audiosr_pipeline import AudioSRPipeline
from audiosr_pipeline.cli.program import build_parser
from tests.adapters.tiny import build_audioldm
from tests.signals import noise

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "audiosr_pipeline" / "weights"
CARDS = sorted(WEIGHTS.glob("*/README.md"))
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "examples" / "README.md",
    ROOT / "benchmarks" / "weights" / "README.md",
    *CARDS,
]
# Programs of others that commands are joined with.
OTHERS = {".", "aplay", "cd", "espeak-ng", "ffmpeg", "mypy", "ruff"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, language: str) -> list[str]:
    """The code blocks of a language in a document."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands(block: str) -> Iterator[list[str]]:
    """The commands of a shell block as words, variables that it sets filled in, one for each side of a pipe."""
    variables: dict[str, str] = {}
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(re.sub(r"\$(\w+)", lambda match: variables[match[1]], line), comments=True)
        if len(words) == 1 and (assignment := re.fullmatch(r"(\w+)=(.*)", words[0])):
            variables[assignment[1]] = assignment[2]
            continue
        command: list[str] = []
        for word in [*words, "|"]:
            if word in ("|", "&&"):
                if command:
                    yield command
                command = []
            else:
                command.append(word)


def problem(command: list[str]) -> str | None:
    """What is wrong with a command, None if nothing is."""
    program, *arguments = command
    if program == "accelerate" and "audiosr_pipeline.cli" in arguments:
        program, arguments = "audiosr-pipeline", arguments[arguments.index("audiosr_pipeline.cli") + 1 :]
    if program == "audiosr-pipeline":
        return problem_of_ours(arguments)
    if program == "make":
        return None if arguments and set(arguments) <= make_targets() else f"no such target: {arguments}"
    if program in ("pip", "python", "python3"):
        return {"pip": problem_of_pip}.get(program, problem_of_python)(arguments)
    return None if program in OTHERS else f"an unknown program: {program}"


def problem_of_ours(arguments: list[str]) -> str | None:
    try:
        build_parser().parse_args(arguments)
    # Whatever the parser raises: it says what is wrong.
    except Exception as error:
        return str(error)
    return None


def problem_of_pip(arguments: list[str]) -> str | None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = set(setup["options.extras_require"])
    for word in arguments[1:]:
        if word.endswith(".txt"):
            if not (ROOT / word).is_file():
                return f"no such file: {word}"
        elif extra := re.fullmatch(r"\.\[(.+)\]", word):
            if extra[1] not in extras:
                return f"no such extra: {extra[1]}"
        # The package isn't released: only a checkout can be installed.
        elif word not in ("-c", "-e", ".", "torch"):
            return f"can't be installed: {word}"
    return None


def problem_of_python(arguments: list[str]) -> str | None:
    if arguments[0] != "-m":
        return None if (ROOT / arguments[0]).is_file() else f"no such script: {arguments[0]}"
    module, *rest = arguments[1:]
    if module in ("venv", "pytest"):
        return None
    file = ROOT / (module.replace(".", "/") + ".py")
    sources = [file] if file.is_file() else sorted(file.with_suffix("").glob("*.py"))
    if not sources or not (file.is_file() or (file.with_suffix("") / "__main__.py").is_file()):
        return f"no such program: {module}"
    text = "".join(source.read_text(encoding="utf-8") for source in sources)
    # Of trainers' programs, the options are the fields of settings.
    text += "".join(path.read_text(encoding="utf-8") for path in (ROOT / "audiosr_pipeline/training").glob("*.py"))
    options = [word for word in rest if word.startswith("--")]
    unknown = [word for word in options if word not in text and word[2:].replace("-", "_") not in text]
    return f"{module} has no {unknown}" if unknown else None


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.fixture
def folder(tmp_path, monkeypatch, tiny_pipeline, official_checkpoint) -> Path:
    """A working folder with what the documents load, tiny models in the place of those that are downloaded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(AudioSRPipeline, "from_pretrained", lambda name: tiny_pipeline)
    monkeypatch.setattr(AudioLDMPipeline, "from_pretrained", lambda name: build_audioldm())
    shutil.copy(official_checkpoint, tmp_path)
    (tmp_path / "examples").mkdir()
    for source in (ROOT / "examples").glob("*.wav"):
        audio, sampling_rate = soundfile.read(source)
        # A fifth of a second: what is said of the whole holds for it too.
        soundfile.write(tmp_path / "examples" / source.name, audio[: sampling_rate // 5], sampling_rate)
    for name in ("recording.wav", "speech.wav"):
        soundfile.write(name, noise(0.2, 16_000)[0], 16_000)
    return tmp_path


@pytest.mark.parametrize("path", [ROOT / "README.md", *CARDS], ids=name_of)
def test_the_python_code_runs(path, folder):
    namespace: dict[str, object] = {}
    code = blocks(path, "python")
    assert code
    for block in code:
        exec(compile(block, f"{name_of(path)}: {block.splitlines()[0]}", "exec"), namespace)
    if path.parent == ROOT:
        audio, sampling_rate = soundfile.read(folder / "speech_48khz.wav")
        assert sampling_rate == 48_000 and len(audio) == 9_600


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_the_commands_are_accepted(path):
    found = [(command, problem(command)) for block in blocks(path, "bash") for command in commands(block)]
    # Those in the text name programs, not all that they need.
    for command in re.findall(r"`((?:make|python -m benchmarks\.)[^`]*)`", path.read_text(encoding="utf-8")):
        words = shlex.split(command)
        if len(words) > 1:
            found.append((words, problem(words)))
    assert [(command, wrong) for command, wrong in found if wrong] == []


@pytest.mark.parametrize(
    "command",
    [
        "audiosr-pipeline enhance in/ --folder out/",
        "audiosr-pipeline enhance in/ -o out/ --level-guidance 1.2",
        "accelerate launch -m audiosr_pipeline.cli train ldm --data DIR --batchsize 4",
        "make tests",
        "pip install 'audiosr-pipeline[train]'",
        "pip install '.[training]'",
        "python -m benchmarks.no_such_program",
        "python -m benchmarks.speed --no-such-option",
        "git clone <this repository>",
    ],
)
def test_a_wrong_command_is_noticed(command):
    assert problem(shlex.split(command))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_the_links_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("http://", "https://")):
            continue
        target, _, anchor = link.partition("#")
        there = (path.parent / target).resolve() if target else path
        if not there.exists() or (anchor and anchor not in anchors(there)):
            dead.append(link)
    assert dead == []


def anchors(path: Path) -> set[str]:
    """What GitHub names the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

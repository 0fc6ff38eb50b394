"""What may import what, and what is installed."""

import ast
import configparser
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "audiosr_pipeline"
# The folders of the package and the names under which they are imported; weights/ is data.
FOLDERS = {PACKAGE: "audiosr_pipeline", ROOT / "adapters": "audiosr_pipeline.adapters"}

# What the modules of each layer may import beside their own layer and `version`. A layer is a folder of the package
# or a module at its top; "" is the package itself, from which only the command line takes the public names.
MAY_IMPORT = {
    "version": set(),
    "writing": set(),
    "archives": set(),
    "csv_files": set(),
    "tables": set(),
    "printable": set(),
    "audio_io": {"writing"},
    "spectrogram": set(),
    "dsp": set(),
    "models": {"dsp"},
    "convert": {"models", "archives"},
    "metrics": {"dsp", "models"},
    "evaluation_settings": set(),
    "evaluate": {"writing", "csv_files", "tables", "audio_io", "dsp", "metrics", "evaluation_settings"},
    "evaluate_sets": {
        *("writing", "csv_files", "tables", "audio_io", "dsp", "models", "metrics", "pipelines"),
        *("evaluate", "evaluation_settings"),
    },
    "evaluation_figure": {"writing", "audio_io", "metrics", "evaluate", "evaluation_settings"},
    "pipelines": {"dsp", "models", "convert", "audio_io"},
    "adapters": {"dsp", "models", "pipelines", "audio_io"},
    "streaming": {"dsp", "models", "pipelines", "writing"},
    "training": {"dsp", "models", "metrics", "pipelines", "writing", "archives", "csv_files", "audio_io"},
    "study": {"dsp", "metrics", "pipelines", "adapters", "writing", "csv_files", "printable", "audio_io", "evaluate"},
}
MAY_IMPORT[""] = set(MAY_IMPORT)
MAY_IMPORT["cli"] = {*MAY_IMPORT, ""}

# Top-level names that no module of the package imports: they are not installed, or are not ours once installed.
OUTSIDE = {"adapters", "benchmarks", "examples", "tests"}


def modules() -> Iterator[tuple[str, Path]]:
    """The dotted name and the path of each module that is installed."""
    for folder, package in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            if PACKAGE / "weights" not in path.parents:
                parts = path.relative_to(folder).with_suffix("").parts
                yield ".".join([package, *parts]), path


def layer_of(imported: str) -> str:
    """The layer that a dotted name under `audiosr_pipeline` lies in, "" for the package's own names."""
    part = imported.split(".")[1]
    return part if part in MAY_IMPORT else ""


def imported_names(module: str, source: str) -> Iterator[str]:
    """The dotted names that a module imports anywhere in its source, relative imports made absolute."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A module `a.b.c` and a package `a.b.__init__` are both one level below the package that `.` means.
            above = module.split(".")[: -node.level] if node.level else []
            parent = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{parent}.{alias.name}" for alias in node.names)


def violations(module: str, source: str) -> list[str]:
    """One line for each import of `module` that goes against the rule."""
    layer = module.split(".")[1].replace("__init__", "")
    if layer not in MAY_IMPORT:
        return [f"{module} is in no layer: give {layer!r} a line in MAY_IMPORT and in CONTRIBUTING.md"]
    allowed = MAY_IMPORT[layer] | {layer, "version"}

    def is_forbidden(name: str) -> bool:
        top, _, rest = name.partition(".")
        if top == "audiosr_pipeline":
            return (layer_of(name) if rest else "") not in allowed
        return top in OUTSIDE or (top in ("soundfile", "av") and layer != "audio_io")

    return [f"{module} may not import {name}" for name in imported_names(module, source) if is_forbidden(name)]


def test_imports_go_down_never_up():
    found = [line for module, path in modules() for line in violations(module, path.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("audiosr_pipeline.dsp.cutoff", "from audiosr_pipeline.models import vocoder"),
        ("audiosr_pipeline.dsp.cutoff", "from audiosr_pipeline import models"),
        ("audiosr_pipeline.dsp.cutoff", "from audiosr_pipeline import AudioSRPipeline"),
        ("audiosr_pipeline.dsp.cutoff", "import audiosr_pipeline"),
        ("audiosr_pipeline.dsp.cutoff", "def late():\n    import audiosr_pipeline.audio_io"),
        ("audiosr_pipeline.dsp.cutoff", "from ..models.vocoder import ISTFTVocoder"),
        ("audiosr_pipeline.dsp.__init__", "from .. import pipelines"),
        ("audiosr_pipeline.models.vocoder", "from audiosr_pipeline.pipelines.audiosr import AudioSRPipeline"),
        ("audiosr_pipeline.models.vocoder", "import audiosr_pipeline.audio_io"),
        ("audiosr_pipeline.metrics.lsd", "from audiosr_pipeline.training import losses"),
        ("audiosr_pipeline.pipelines.audiosr", "from audiosr_pipeline.training.simulate import simulate"),
        ("audiosr_pipeline.pipelines.audiosr", "import soundfile as sf"),
        ("audiosr_pipeline.adapters.musicgen", "from audiosr_pipeline.cli import main"),
        ("audiosr_pipeline.training.loop", "from benchmarks.table1 import rows"),
        ("audiosr_pipeline.training.loop", "from tests import tiny"),
        ("audiosr_pipeline.training.loop", "import adapters"),
        ("audiosr_pipeline.__init__", "from .cli import main"),
        ("audiosr_pipeline.cli", "import soundfile"),
        ("audiosr_pipeline.cli", "import av"),
        ("audiosr_pipeline.surprise.module", ""),
    ],
)
def test_the_rule_notices(module, source):
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "audiosr_pipeline.dsp.cutoff",
            "import numpy, scipy.signal\nfrom .windows import hann\nfrom . import resample",
        ),
        (
            "audiosr_pipeline.models.vocoder",
            "from ..dsp import windows\nfrom audiosr_pipeline.version import __version__",
        ),
        ("audiosr_pipeline.audio_io.reading", "import soundfile, av"),
        ("audiosr_pipeline.__init__", "from audiosr_pipeline.pipelines.audiosr import AudioSRPipeline"),
        ("audiosr_pipeline.cli", "from audiosr_pipeline import AudioSRPipeline, audio_io, metrics"),
    ],
)
def test_the_rule_lets_pass(module, source):
    assert violations(module, source) == []


def test_setup_cfg_lists_the_packages_that_exist():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    # Each folder that holds a module, so that one without an `__init__.py` is missed too.
    folders = {module.rpartition(".")[0] for module, _ in modules()}
    assert setup["options"]["packages"].split() == sorted(folders)
    assert folders == {module.removesuffix(".__init__") for module, _ in modules() if module.endswith(".__init__")}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder laid out as a wheel is."""
    folder = tmp_path_factory.mktemp("built")
    command = "from setuptools import setup; setup()"
    arguments = [sys.executable, "-c", command, "--quiet", "build_py", "--build-lib", folder]
    subprocess.run(arguments, cwd=ROOT, check=True)
    return folder


def test_a_wheel_holds_every_file_of_the_package(built):
    def files(folder: Path) -> set[Path]:
        paths = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
        return {path for path in paths if path.suffix != ".pyc" and not path.name.startswith(".")}

    adapters = {Path("adapters") / path for path in files(ROOT / "adapters")}
    assert files(built / "audiosr_pipeline") == files(PACKAGE) | adapters


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize("installed", [True, False], ids=["installed", "checkout"])
def test_both_packages_can_be_imported(installed, inside, built, tmp_path):
    """From a checkout and as installed, with the current folder inside the checkout and outside it."""
    code = "import audiosr_pipeline, audiosr_pipeline.adapters as a; print(audiosr_pipeline.__file__, a.__file__)"
    environment = os.environ | {"PYTHONPATH": str(built if installed else ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT if inside else tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    package, adapters = map(Path, run.stdout.split())
    # The current folder comes first: inside the checkout its own files are what is imported.
    if installed and not inside:
        assert package == built / "audiosr_pipeline/__init__.py"
        assert adapters == built / "audiosr_pipeline/adapters/__init__.py"
    else:
        assert package == PACKAGE / "__init__.py"
        assert adapters == ROOT / "adapters/__init__.py"

"""A virtual environment with the published `audiosr` package, and programs run in it.

The package asks for versions that can't be installed beside current ones (numpy 1.23, librosa 0.9, transformers 4.30),
so it is installed without what it depends on; what it uses when it runs it finds in the environment that made this one.
Both implementations then compute with the same libraries. `benchmarks/reference_shim.py` stands for the rest.
"""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PACKAGES = ("audiosr==0.0.7", "einops==0.8.2")
DEFAULT_FOLDER = Path(".venv-audiosr")
ROOT = Path(__file__).parents[1]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# glibc hands large arrays back to the kernel at each operation; which ones depends on what was freed before. Kept, both
# implementations are spared the same page faults.
KEPT_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}


def make_environment(folder: Path, packages: Sequence[str] = PACKAGES) -> Path:
    """Makes the environment with these packages, unless there is one, and returns its interpreter."""
    python = folder.absolute() / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    installed = folder / "installed"
    if not installed.exists():
        venv.create(folder, with_pip=False, clear=True)
        program = "import sysconfig; print(sysconfig.get_path('purelib'))"
        own = subprocess.run([python, "-c", program], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        (Path(own) / "parent.pth").write_text(sysconfig.get_path("purelib"))
        pip = [sys.executable, "-m", "pip", "--python", str(python)]
        subprocess.run([*pip, "install", "--quiet", "--no-deps", *packages], check=True)
        installed.write_text("\n".join(packages))
    return python


def run_measured(python: Path | str, module: str, *arguments: str | Path | int) -> dict[str, Any]:
    """Runs a module of ours in a process of its own, on one thread, and returns what its last line says in JSON."""
    command = [str(python), "-m", module, *map(str, arguments)]
    environment = os.environ | ONE_THREAD | KEPT_MEMORY
    process = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(process.stdout.splitlines()[-1])

"""Our metrics of sets beside other people's, and what few vectors do to them: `python -m benchmarks.set_metrics`.

It installs audioldm_eval and fadtk, without what they depend on, into an environment of its own (83 MB), gives their
functions and ours the same vectors, and prints both. fadtk brings mean and covariance of a large collection of music
(FMA-Pop) by several embeddings: from these, sets of any size are drawn whose true distance is 0. Exits with 1 if a
figure is beyond its bound.
"""

import argparse
import ast
import contextlib
import logging
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.scimath import sqrt as scisqrt
from scipy import linalg

from audiosr_pipeline.metrics.frechet import Moments, frechet_distance
from audiosr_pipeline.metrics.inception_score import inception_score
from audiosr_pipeline.metrics.kullback_leibler import kullback_leibler
from audiosr_pipeline.tables import markdown_table
from benchmarks.machine import software_and_hardware
from benchmarks.reference_environment import make_environment

PACKAGES = ("audioldm_eval==0.0.3", "fadtk==1.1.0")
COLLECTIONS = {"VGGish": "vggish", "LAION-CLAP, music": "clap-laion-music"}
SIZES = (50, 100, 200, 400, 1_000, 4_000)
# As many draws of each size as take some seconds.
NUM_DRAWS = {128: 8, 512: 2}
SEED = 2020


def installed_packages(folder: Path) -> Path:
    """Where the packages lie, after they were installed unless they are there."""
    python = make_environment(folder, PACKAGES)
    program = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([python, "-c", program], stdout=subprocess.PIPE, text=True, check=True).stdout.strip())


def own_module(path: Path) -> Any:
    """A module by its file alone: what its package imports, networks, isn't there."""
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def own_function(path: Path, name: str, names: dict[str, Any]) -> Callable[..., Any]:
    """A function of a file that itself can't be imported, with the names that the function uses."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    exec(compile(tree, str(path), "exec"), names)
    return names[name]


def comparisons(packages: Path) -> Iterator[tuple[str, float, float, float]]:
    """What is compared, ours, theirs, and how far they may be apart."""
    metrics = packages / "audioldm_eval" / "metrics"
    fid, kl, isc = (own_module(metrics / f"{name}.py") for name in ("fid", "kl", "isc"))
    names = {"np": np, "linalg": linalg, "scisqrt": scisqrt, "log": logging.getLogger("fadtk")}
    fad = own_function(packages / "fadtk" / "fad.py", "calc_frechet_distance", names)
    generator = np.random.default_rng(SEED)
    for num_vectors, dim in ((400, 16), (1_000, 128)):
        scale = generator.standard_normal((dim, dim)) / np.sqrt(dim)
        first, second = (generator.standard_normal((num_vectors, dim)) @ scale + shift for shift in (0.0, 0.1))
        ours = frechet_distance(first, second)
        theirs = fid.calculate_fid({"v": torch.from_numpy(first)}, {"v": torch.from_numpy(second)}, "v")
        label = f"Frechet distance, {num_vectors} vectors of {dim}"
        # Square roots of products in double precision.
        yield f"{label}: audioldm_eval", ours, theirs["frechet_distance"], 1e-6 * ours
        moments = [each for vectors in (first, second) for each in (vectors.mean(0), np.cov(vectors, rowvar=False))]
        yield f"{label}: fadtk", ours, float(np.real(fad(*moments))), 1e-6 * ours
    truth, generated = 3 * generator.standard_normal((2, 400, 527))
    paths = [f"{index}.wav" for index in range(400)]
    logits = [{"logits": torch.from_numpy(each), "file_path_": paths} for each in (generated, truth)]
    theirs, _, _ = kl.calculate_kl(*logits, "logits")
    ours = float(kullback_leibler(truth, generated).mean())
    yield "KL, truth to generated, 527 classes", ours, theirs["kullback_leibler_divergence_softmax"], 1e-9
    for num_splits in (1, 10):
        theirs = isc.calculate_isc(logits[0], "logits", SEED, True, num_splits)
        order = np.random.RandomState(SEED).permutation(400)
        ours = inception_score(generated[order], num_splits)
        yield f"inception score, {num_splits} splits", ours, theirs["inception_score_mean"], 1e-9 * ours


def bias_rows(collection: Moments, generator: np.random.Generator) -> Iterator[tuple[int, float, float]]:
    """Of each size the mean distance of a sample from the truth, and of two samples from each other."""
    mean, covariance = collection
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(values.clip(min=0))
    for size in SIZES:
        draws = []
        for _ in range(NUM_DRAWS[len(mean)]):
            first, second = (generator.standard_normal((size, len(mean))) @ root.T + mean for _ in range(2))
            draws.append((frechet_distance(collection, first), frechet_distance(first, second)))
        yield size, *np.mean(draws, axis=0).tolist()


def bias_table(packages: Path) -> Iterator[str]:
    """The lines of a table: by number of vectors, the distance that sets have whose true distance is 0."""
    with np.load(packages / "fadtk" / "stats" / "fma_pop.npz") as file:
        collections = [(file[f"{name}.mu"], file[f"{name}.cov"]) for name in COLLECTIONS.values()]
    generator = np.random.default_rng(SEED)
    of_each = [list(bias_rows(collection, generator)) for collection in collections]
    header = [f"{name}, {len(mean)} dimensions" for name, (mean, _) in zip(COLLECTIONS, collections, strict=True)]
    rows = (
        [size, *(f"{rows[index][1]:.3g} / {rows[index][2]:.3g}" for rows in of_each)]
        for index, size in enumerate(SIZES)
    )
    yield from markdown_table(["vectors", *header], rows)


def main() -> int:
    """Prints both tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", type=Path, default=Path(".venv-set-metrics"), help="default: %(default)s")
    packages = installed_packages(parser.parse_args().environment)
    # They print what they do.
    with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
        # fadtk and audioldm_eval ask scipy for what it will take away.
        warnings.simplefilter("ignore", DeprecationWarning)
        compared = list(comparisons(packages))
    rows = [
        (name, f"{ours:.9g}", f"{theirs:.9g}", f"{abs(ours - theirs):.1e}", f"{bound:.1e}")
        for name, ours, theirs, bound in compared
    ]
    print("# Metrics of sets\n\n## Beside audioldm_eval 0.0.3 and fadtk 1.1.0, the same vectors\n")
    print("\n".join(markdown_table(("figure", "ours", "theirs", "apart", "bound"), rows)))
    print("\n## What few vectors do: Frechet distances whose true value is 0\n")
    print("Normally distributed vectors with the mean and covariance of FMA-Pop that fadtk has: the mean distance of a")
    print("sample from the truth / of two samples from each other. Vectors of one clip are no independent ones.\n")
    print("\n".join(bias_table(packages)))
    print("\n" + "\n".join(f"- {line}" for line in software_and_hardware()))
    return int(any(abs(ours - theirs) > bound for _, ours, theirs, bound in compared))


if __name__ == "__main__":
    raise SystemExit(main())

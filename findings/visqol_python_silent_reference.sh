#!/usr/bin/env bash
# visqol-python 3.8.0, audio mode: a reference of digital silence gets the best score there is, 4.73, whatever is
# compared with it; an estimate of digital silence gets NaN.
#
# Seen: noise beside itself 4.732, noise beside other noise 2.86, silence as the reference of noise 4.732, silence as
# the estimate nan. A mean over clips takes the first for success and becomes NaN by the second, so both have to be left
# out by whoever calls it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet visqol-python==3.8.0 numpy==2.4.6 scipy==1.17.1
"$folder/env/bin/python" - <<'PYTHON'
import math

import numpy as np
from visqol import VisqolApi

api = VisqolApi()
api.create(mode="audio")
noise, other = 0.1 * np.random.default_rng(0).standard_normal((2, 3 * 48_000))
silence = np.zeros_like(noise)


def score(reference, estimate):
    return api.measure_from_arrays(reference, estimate, 48_000).moslqo


scores = {
    "itself": score(noise, noise),
    "other noise": score(noise, other),
    "silent reference": score(silence, noise),
    "silent estimate": score(noise, silence),
}
print(scores)
assert abs(scores["itself"] - 4.732) < 0.01
assert scores["other noise"] < 3.5
assert abs(scores["silent reference"] - scores["itself"]) < 1e-6
assert math.isnan(scores["silent estimate"])
PYTHON
echo "as described"

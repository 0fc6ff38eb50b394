#!/usr/bin/env bash
# torch 2.13.0 with onnxscript 0.7.2: torch.onnx.export, whose graph is optimised by default, leaves out the addition of a
# constant of 1e-8 or less, as the epsilon before a logarithm. The exported model then gives minus infinity for silence,
# where the module gives a finite level. With optimize=False it is the module's. There is no warning.
#
# Seen, of log(sum(x^2) + epsilon) of zeros, module / exported / exported with optimize=False, in onnxruntime 1.32.0:
# 1e-06: -13.8 / -13.8 / -13.8; 1e-08: -18.4 / -inf / -18.4; 1e-10: -23.0 / -inf / -23.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.13.0
"$folder/env/bin/pip" install --quiet numpy==2.4.6 onnx==1.23.2 onnxscript==0.7.2 onnx-ir==1.1.0 onnxruntime==1.32.0
cd "$folder"
"$folder/env/bin/python" - 2> log <<'PYTHON'
import math

import onnxruntime
import torch


class Level(torch.nn.Module):
    def __init__(self, epsilon):
        super().__init__()
        self.epsilon = epsilon

    def forward(self, audio):
        return (audio.square().sum(-1) + self.epsilon).log()


silence = torch.zeros(1, 480)
for epsilon, is_lost in ((1e-6, False), (1e-8, True), (1e-10, True)):
    module, levels = Level(epsilon), []
    for optimize in (True, False):
        torch.onnx.export(module, (silence,), "level.onnx", dynamo=True, optimize=optimize, verbose=False)
        session = onnxruntime.InferenceSession("level.onnx", providers=["CPUExecutionProvider"])
        (level,) = session.run(None, {session.get_inputs()[0].name: silence.numpy()})
        levels.append(float(level[0]))
    expected = float(module(silence))
    print(f"{epsilon:g}: module {expected:.1f}, exported {levels[0]:.1f}, with optimize=False {levels[1]:.1f}")
    assert math.isclose(levels[1], expected, rel_tol=1e-5), levels
    assert (levels[0] == -math.inf) == is_lost, levels
PYTHON
echo "as described"

#!/usr/bin/env bash
# diffusers 0.42.1 with torch 2.13.0: a model of one's own whose parameter is made of what a function of `torch.nn.init`
# returns can be saved, but not loaded. `ModelMixin.from_pretrained` builds the network with these functions replaced by
# ones that return nothing, where torch's return the tensor that they filled: `nn.Parameter(None)` is an empty parameter.
#
# Seen: ValueError, "weight expected shape torch.Size([0]), but got torch.Size([4])", which suggests to ignore the sizes;
# with that, the stored weight is left out. A parameter that is made first and then filled in place is loaded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.13.0 diffusers==0.42.1 transformers==5.23.0 accelerate==1.15.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import diffusers
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn


class OfReturned(ModelMixin, ConfigMixin):
    @register_to_config
    def __init__(self, size: int = 4):
        super().__init__()
        self.weight = nn.Parameter(nn.init.normal_(torch.empty(size)))


class FilledInPlace(ModelMixin, ConfigMixin):
    @register_to_config
    def __init__(self, size: int = 4):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size))
        nn.init.normal_(self.weight)


print("diffusers", diffusers.__version__, "torch", torch.__version__)
loaded = {}
for cls in (OfReturned, FilledInPlace):
    cls().save_pretrained(cls.__name__)
    try:
        loaded[cls.__name__] = tuple(cls.from_pretrained(cls.__name__).weight.shape)
    except ValueError as error:
        loaded[cls.__name__] = str(error).partition(". ")[0]
    print(cls.__name__, "saved with shape (4,), loaded as:", loaded[cls.__name__])
assert "expected shape torch.Size([0]), but got torch.Size([4])" in loaded["OfReturned"], loaded
assert loaded["FilledInPlace"] == (4,), loaded
PYTHON
echo "as described"

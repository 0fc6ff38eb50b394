"""Keeps diffusers from writing the pipeline files that it runs into the user's own cache."""

import pytest
from diffusers.utils import dynamic_modules_utils


@pytest.fixture(scope="session", autouse=True)
def modules_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dynamic_modules_utils, "HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
        yield

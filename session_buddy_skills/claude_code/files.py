"""Where the transcripts of a session and of its subagents are."""

from __future__ import annotations

import itertools
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

_REST_SECONDS = 3_600
_FIRST_LINES = 50


def sessions_in(path: Path) -> dict[Path, list[Path]]:
    """The files of each session by its main one, which may be gone; first begun first."""
    if path.is_file() or path.suffix == ".jsonl":
        files = [path] if path.is_file() else []
        files += sorted((path.parent / path.stem / "subagents").rglob("*.jsonl"))
        return {path: files} if files else {}
    found: dict[Path, list[Path]] = defaultdict(list)
    for file in sorted(one for one in path.rglob("*.jsonl") if one.is_file()):
        parts = file.relative_to(path).parts
        if "subagents" in parts[:-1]:
            folder = file.parents[parts[::-1].index("subagents")]
            found[folder.parent / f"{folder.name}.jsonl"].append(file)
        elif file.name.startswith("agent-") and (session := first_field(file, "sessionId")):
            found[file.parent / f"{session}.jsonl"].append(file)
        else:
            found[file].insert(0, file)
    return dict(
        sorted(found.items(), key=lambda one: (first_field(one[1][0], "timestamp"), one[0]))
    )


def first_field(file: Path, name: str) -> str:
    """What the first line with such a field says; a forked session's own lines stand first."""
    try:
        with file.open("rb") as content:
            for text in itertools.islice(content, _FIRST_LINES):
                line = json.loads(text) if name.encode() in text else {}
                if isinstance(line, dict) and isinstance(line.get(name), str):
                    return str(line[name])
    except (OSError, ValueError, RecursionError):
        return ""  # It only orders files; what is wrong with one is told when it is read.
    return ""


def at_rest(file: Path) -> bool:
    """Whether nothing has been written to it for long."""
    try:
        return time.time() - file.stat().st_mtime > _REST_SECONDS
    except OSError:
        return False


def agent_id_of(file: Path) -> str:
    return file.stem.removeprefix("agent-")


def meta_of(file: Path) -> dict[str, Any]:
    """What is told of a subagent beside its transcript."""
    try:
        told = json.loads(file.with_suffix(".meta.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def is_whole(text: bytes) -> bool:
    """Whether a last line without its end is whole all the same."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True

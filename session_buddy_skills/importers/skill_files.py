"""Skills as files: SKILL.md of the agentskills.io specification, and the older slash commands.

Files are read leniently. What cannot be read is told, and holds nothing else up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from session_buddy_skills.catalog import SkillEntry, Source
from session_buddy_skills.errors import InputError
from session_buddy_skills.limits import DESCRIPTION_CHARS
from session_buddy_skills.requests import checked

FILE_BYTES = 2**20
"""No description is longer than this."""

_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\n(.*?)(?:^---[ \t]*(?:\n|\Z)|\Z)", re.DOTALL | re.MULTILINE
)
_LINE = re.compile(r"([\w-]+)[ \t]*:[ \t]*(.*)")
_TOOL = re.compile(r"(?:[^\s,(]|\([^)]*\))+")


@dataclass(slots=True)
class Scan:
    """What was found, and the folders that were read whole."""

    skills: list[SkillEntry] = field(default_factory=list)
    scanned: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    """Files that were left out, and a sentence why."""


def scan_skills(home: Path, project: Path, plugins: Sequence[Path] = ()) -> Scan:
    """Read all skills of a user and a project.

    Args:
        home: Claude Code's folder, `~/.claude`; installed plugins are found below it.
        project: a folder with `.claude` in it; nothing is found where it has none.
        plugins: folders of further plugins.
    """
    scan = Scan()
    manifests = home.glob("plugins/**/.claude-plugin/plugin.json")
    installed = sorted(manifest.parents[1] for manifest in manifests)
    # Where the project is the user's own home folder, its skills are the user's.
    folders: dict[Path, tuple[Source, str]] = {
        project / ".claude" / "skills": ("project", ""),
        project / ".claude" / "commands": ("command", ""),
        home / "skills": ("personal", ""),
        home / "commands": ("command", ""),
    }
    for plugin in (*installed, *plugins):
        for name in ("skills", "commands"):
            folders[plugin / name] = ("plugin", f"{_plugin_name(plugin)}:")
    # Everything below it is read, so that skills of a plugin that is gone are taken out.
    scan.scanned.append(str((home / "plugins").absolute()))
    for folder, (source, prefix) in folders.items():
        scan.scanned.append(str(folder.absolute()))
        for file in _files(folder):
            try:
                scan.skills.append(read_skill(file, source, prefix))
            except InputError as error:
                scan.problems[str(file.absolute())] = str(error)
    return scan


def read_skill(file: Path, source: Source, prefix: str = "") -> SkillEntry:
    """The skill that a file describes; one without a name is called as its folder or file is.

    Raises:
        InputError: the file cannot be read, or says what a skill cannot be.
    """
    text = _text(file)
    front, body = _front_matter(text)
    called = file.parent.name if file.name == "SKILL.md" else file.stem
    name = _plain(front.get("name")) or called
    metadata = front.get("metadata")
    inner: dict[str, Any] = metadata if isinstance(metadata, dict) else {}
    return checked(
        SkillEntry,
        name=f"{prefix}{name}",
        description=_plain(front.get("description")) or _first_paragraph(body),
        source=source,
        location=str(file.absolute()),
        allowed_tools=_tools(front.get("allowed-tools")),
        modality=_plain(front.get("modality")) or _plain(inner.get("modality")),
    )


def _files(folder: Path) -> Iterator[Path]:
    pattern = "*/SKILL.md" if folder.name == "skills" else "**/*.md"
    yield from sorted(file for file in folder.glob(pattern) if file.is_file())


def _plugin_name(folder: Path) -> str:
    try:
        manifest = json.loads((folder / ".claude-plugin" / "plugin.json").read_bytes())
    except (OSError, ValueError):
        return folder.name
    name = manifest.get("name") if isinstance(manifest, dict) else None
    return name if isinstance(name, str) and name else folder.name


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"it cannot be read: {error.strerror}.") from error
    if len(content) > FILE_BYTES:
        raise InputError(f"it has {len(content)} bytes, more than {FILE_BYTES}.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"it is not UTF-8 text, at byte {error.start}.") from error
    return text.replace("\r\n", "\n")


def _front_matter(text: str) -> tuple[dict[str, Any], str]:
    """What stands between the lines of dashes at the start, and what follows."""
    match = _FRONT_MATTER.match(text)
    if match is None:
        return {}, text
    try:
        # Its scalars all stay text, so that a skill may be called 007 or yes.
        front = yaml.load(match[1], Loader=yaml.BaseLoader)  # noqa: S506 - makes no objects
    # Nested a thousand times it is no error of YAML's.
    except (yaml.YAMLError, RecursionError):
        front = _lines(match[1])
    return (front if isinstance(front, dict) else {}), text[match.end() :]


def _lines(text: str) -> dict[str, str]:
    """Keys and values where it is not YAML, as with a colon in a plain description."""
    found: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        if match := _LINE.fullmatch(line):
            key = match[1]
            found[key] = match[2].strip().strip("\"'")
        elif key and line[:1].isspace():
            found[key] = f"{found[key]} {line.strip()}".strip()
    return found


def _plain(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _tools(value: object) -> list[str]:
    """From a list, or text with commas or blanks between, as in `Bash(git add:*), Read`."""
    if isinstance(value, list):
        return [text for item in value if (text := _plain(item))]
    return _TOOL.findall(value) if isinstance(value, str) else []


def _first_paragraph(body: str) -> str:
    for paragraph in re.split(r"\n\s*\n", body):
        lines = [line for line in paragraph.splitlines() if not line.startswith("#")]
        if text := " ".join(" ".join(lines).split()):
            return text[:DESCRIPTION_CHARS]
    return ""

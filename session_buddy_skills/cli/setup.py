"""Sets up the programs whose skills are recorded."""

from __future__ import annotations

import difflib
import json
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from session_buddy_skills.errors import InputError

BACKUP = ".before-session-buddy-skills"
PLUGIN = "session-buddy-skills@"
NEXT = "To let Claude ask too: claude mcp add --scope user skills -- session-buddy-skills"


@click.group()
def setup() -> None:
    """Have other programs tell of the skills that they use."""


@setup.command("claude-code")
@click.option(
    "--user/--project",
    "of_user",
    default=True,
    help="In your settings, or in those of the project in this folder.  [default: --user]",
)
@click.option(
    "--prompts",
    type=click.Choice(["full", "redacted", "none"]),
    help="What is kept of requests and arguments.  [default: as it is, or full]",
)
@click.option(
    "--suggest/--no-suggest",
    default=None,
    help="Name a skill that nearly always worked for such requests.  [default: as it is, or not]",
)
@click.option("--dry-run", is_flag=True, help="Show the change, and write nothing.")
@click.option("--undo", is_flag=True, help="Take it out again, and leave all else.")
def claude_code(
    of_user: bool, prompts: str | None, suggest: bool | None, dry_run: bool, undo: bool
) -> None:
    """Have Claude Code tell of every skill and subagent that it runs.

    For those who do not use its plugins. Puts hooks into its settings.json, next to what is there,
    and keeps a copy of the file as it was.
    """
    from session_buddy_skills.capture.registration import is_registered, registered

    if undo and (prompts is not None or suggest is not None):
        raise click.UsageError("--undo goes together with --user, --project and --dry-run alone.")
    path = _settings_file(of_user)
    before, settings = _read(path)
    backup = path.with_name(f"{path.name}{BACKUP}")
    try:
        if undo:
            after = _taken_out(settings, before, backup)
        else:
            changed = registered(settings, _program() if of_user else None, prompts, suggest)
            after = None if changed == settings else _text(changed, before)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if after is None:
        click.echo(f"{path} needs no change.")
        return
    click.echo("".join(_difference(before, after, path)), nl=False)
    if dry_run:
        click.echo("Nothing is written (--dry-run).")
        return
    if undo:
        _write(path, after or None)
        backup.unlink(missing_ok=True)
        click.echo(f"Taken out of {path}. What was recorded stays; see `session-buddy-skills db`.")
        return
    if before is not None and not is_registered(settings):
        _write(backup, before, like=path)
    _write(path, after)
    kept = f", as it was it is kept in {backup}" if backup.exists() else ""
    click.echo(f"Written to {path}{kept}. It holds from the next start of Claude Code on.")
    if any(str(name).startswith(PLUGIN) for name in settings.get("enabledPlugins") or {}):
        click.echo("The plugin is installed as well; what both tell counts once.")
    elif not is_registered(settings):
        click.echo(NEXT)


def _settings_file(of_user: bool) -> Path:
    from session_buddy_skills.settings import claude_folder

    folder = claude_folder(Path.home()) if of_user else Path(".claude")
    try:
        return (folder / "settings.json").resolve()
    except (OSError, RuntimeError) as error:  # links that lead to each other
        raise InputError(f"{folder / 'settings.json'} leads nowhere: {error}.") from error


def _program() -> str | None:
    """The command of this installation, which need not be on the PATH of Claude Code."""
    beside = Path(sys.executable).with_name("session-buddy-skills")
    return str(beside) if beside.exists() else None


def _read(path: Path) -> tuple[str | None, dict[str, Any]]:
    try:
        # Bytes, so that ends of lines stay as they are.
        text = path.read_bytes().decode()
        settings = json.loads(text) if text.strip() else {}
    except FileNotFoundError:
        return None, {}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON, so nothing is changed: {error}.") from error
    if not isinstance(settings, dict):
        raise InputError(f"{path} must hold an object, so nothing is changed.")
    return text, settings


def _text(settings: dict[str, Any], before: str | None) -> str:
    """Written as it was: with its indentation, and its last line ended or not."""
    found = re.search(r"^([ \t]+)\S", before or "", re.MULTILINE)
    indent = found[1] if found else "  "
    text = json.dumps(settings, indent=indent, ensure_ascii=False)
    if before is None or before.endswith("\n"):
        text += "\n"
    return text.replace("\n", "\r\n") if "\r\n" in (before or "") else text


def _taken_out(settings: dict[str, Any], before: str | None, backup: Path) -> str | None:
    """The file's text without what was put in: empty where nothing is left, None if nothing was."""
    from session_buddy_skills.capture.registration import (
        is_registered,
        unregistered,
        without_prompts,
    )

    changed = unregistered(settings)
    if not is_registered(settings):
        return None
    if _set_here(settings, backup):
        changed = without_prompts(changed)
    return _as_it_was(changed, backup) or (_text(changed, before) if changed else "")


def _set_here(settings: dict[str, Any], backup: Path) -> bool:
    """Whether what is kept of requests was first stated here; without a copy all was."""
    from session_buddy_skills.capture.registration import PROMPTS_VARIABLE

    before: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        before = json.loads(backup.read_bytes()).get("env") or {}
    return PROMPTS_VARIABLE in (settings.get("env") or {}) and PROMPTS_VARIABLE not in before


def _as_it_was(settings: dict[str, Any], backup: Path) -> str | None:
    """The text of the copy, if that says the same, but for what is empty."""
    with suppress(OSError, ValueError):
        text = backup.read_bytes().decode()
        if _bare(json.loads(text)) == _bare(settings):
            return text
    return None


def _bare(settings: dict[str, Any]) -> str:
    """Settings without hooks and variables that are empty, as text: 1 is not true."""
    hooks = {event: entries for event, entries in (settings.get("hooks") or {}).items() if entries}
    parts = {name: value for name, value in (settings | {"hooks": hooks}).items() if value != {}}
    return json.dumps(parts)


def _difference(before: str | None, after: str, path: Path) -> list[str]:
    old, new = (before or "").splitlines(keepends=True), after.splitlines(keepends=True)
    found = difflib.unified_diff(old, new, str(path), str(path))
    return [line if line.endswith("\n") else f"{line}\n" for line in found]


def _write(path: Path, text: str | None, like: Path | None = None) -> None:
    """All of it or nothing, readable for whom `like`, or the file itself, is; None removes it."""
    if text is None:
        path.unlink()
        return
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # There may be keys in it: nobody may read more of it than of what it takes the place of.
        model = like or path
        mode = model.stat().st_mode if model.exists() else 0o600
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        new.chmod(mode & 0o777)
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error

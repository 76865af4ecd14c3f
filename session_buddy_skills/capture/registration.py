"""The hooks that Claude Code is to run, as its settings have them, put in and taken out again."""

from __future__ import annotations

import copy
import json
import shlex
from typing import Any

from session_buddy_skills.capture.hook import AT_THE_END, BESIDE, CALLS, OF_CALLS
from session_buddy_skills.errors import InputError

Json = dict[str, Any]

HOOK = "session-buddy-skills hook"
PROMPTS_VARIABLE = "SESSION_BUDDY_SKILLS_PROMPTS"
SECONDS = 10


def hooks(program: str | None = None, *, suggest: bool = False) -> Json:
    """All of them, run by that program, or by whatever bears the name.

    To `suggest`, Claude Code has to wait for the one that hears requests.
    """
    command = HOOK if program is None else f"{shlex.quote(program)} hook"
    told: Json = {}
    for event in (*BESIDE, *AT_THE_END):
        waits = suggest and event == "UserPromptSubmit"
        # Whatever is wrong, such as a program that was removed, is not Claude Code's.
        whole = f"{command}{' --suggest' if waits else ''} || true"
        one: Json = {"type": "command", "command": whole, "timeout": SECONDS}
        if event in BESIDE and not waits:
            one["async"] = True
        entry: Json = {"matcher": "|".join(CALLS)} if event in OF_CALLS else {}
        told[event] = [entry | {"hooks": [one]}]
    return told


def registered(
    settings: Json, program: str | None, prompts: str | None, suggest: bool | None = None
) -> Json:
    """Settings with the hooks, and all else as it was; what is None stays so too.

    Raises:
        InputError: a part that they belong into is not what it must be.
    """
    changed = unregistered(settings)
    sections = _section(changed, "hooks")
    if suggest is None:
        suggest = "hook --suggest" in json.dumps(settings.get("hooks"))
    for event, entries in hooks(program, suggest=suggest).items():
        sections[event] = sections.get(event, []) + entries
    if prompts is not None:
        _section(changed, "env")[PROMPTS_VARIABLE] = prompts
    if changed.get("env") == {} and settings.get("env") != {}:
        del changed["env"]
    return changed


def unregistered(settings: Json) -> Json:
    """Settings without our hooks; what is empty without them goes too.

    What was said of requests stays: it may be the user's own, and the plugin obeys it as well.

    Raises:
        InputError: a part that it would be in is not what it must be.
    """
    changed = copy.deepcopy(settings)
    sections = _section(changed, "hooks")
    for event, entries in list(sections.items()):
        if not isinstance(entries, list):
            raise InputError(f"hooks.{event} must be a list, not {type(entries).__name__}.")
        sections[event] = [one for one in map(_without_ours, entries) if one is not None]
        if entries and not sections[event]:
            del sections[event]
    if not sections and settings.get("hooks") != {}:
        del changed["hooks"]
    _section(changed, "env")  # is an object, or nothing is changed
    if not changed["env"] and settings.get("env") != {}:
        del changed["env"]
    return changed


def is_registered(settings: Json) -> bool:
    """Whether our hooks are in the settings."""
    sections = settings.get("hooks")
    entries = [one for some in (sections or {}).values() for one in some or ()]
    return any(_without_ours(one) is not one for one in entries)


def without_prompts(settings: Json) -> Json:
    """Settings that say nothing of what may be kept of requests."""
    env = {name: value for name, value in settings["env"].items() if name != PROMPTS_VARIABLE}
    changed = settings | {"env": env}
    if not env:
        del changed["env"]
    return changed


def _without_ours(entry: Any) -> Any:
    """An entry of an event without our hook; None if that was all of it."""
    if not isinstance(entry, dict) or not isinstance(entry.get("hooks"), list):
        return entry
    left = [one for one in entry["hooks"] if not _is_ours(one)]
    if left == entry["hooks"]:
        return entry
    return {**entry, "hooks": left} if left else None


def _is_ours(hook: Any) -> bool:
    command = hook.get("command") if isinstance(hook, dict) else None
    if not isinstance(command, str):
        return False
    words = command.replace("'", "").removesuffix(" || true").removesuffix(" --suggest")
    return words == HOOK or words.endswith(f"/{HOOK}")


def _section(settings: Json, name: str) -> Json:
    section = settings.setdefault(name, {})
    if not isinstance(section, dict):
        raise InputError(f"{name} must be an object, not {json.dumps(section)[:50]}.")
    return section

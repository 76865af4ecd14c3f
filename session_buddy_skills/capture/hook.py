"""`session-buddy-skills hook`: puts one event of Claude Code into the spool, and is gone.

Claude Code waits for it, so it loads next to nothing: no typing, no pathlib, and the package's own
modules only where it must. Whatever happens it says nothing on stdout and exits with 0; but for
`--suggest`, which may name a skill to the model.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Fields = dict[str, Any]

CHARS = 20_000
"""What is kept of a text; a prompt may be of megabytes."""
REPLY_CHARS = 400
"""What is looked at of what a call was answered with: how it begins tells what became of it."""
ERROR_CHARS = 60
"""Longest name of an error."""
MOST_BYTES = 64 << 20
CALLS = ("Skill", "Agent", "Task")
OF_CALLS = ("PermissionRequest", "PreToolUse", "PostToolUse", "PostToolUseFailure")
BESIDE = (
    "SessionStart",
    "UserPromptSubmit",
    "UserPromptExpansion",
    *OF_CALLS,
    "PostToolBatch",
    "SubagentStart",
    "SubagentStop",
)
"""Events after which Claude Code goes on without waiting."""
AT_THE_END = ("Stop", "StopFailure", "SessionEnd")
"""Events after which the program may be gone, and what it does not wait for with it."""
PROMPTS = ("full", "redacted", "none")
KEPT = (
    "hook_event_name",
    "session_id",
    "transcript_path",
    "cwd",
    "prompt_id",
    "agent_id",
    "agent_type",
    "tool_name",
    "tool_use_id",
    "expansion_type",
    "command_name",
    "command_source",
    "source",
    "reason",
    "is_interrupt",
    "stop_hook_active",
    "sequence",
)
"""Fields that are kept as they are; texts of the user's, and replies, are looked at one by one."""
REPLIES = ("success", "status", "commandName", "agentId", "agentType", "isAsync")


STARTING = ("SessionStart", "UserPromptSubmit")
"""Events at which the server is started if there is none: it leaves when nobody needs it."""
DATABASES = ("duckdb", "postgresql", "postgres")
OPTIONS = {"--from", "--event", "--suggest"}
PROGRAMS = ("gemini-cli", "copilot-cli", "codex-cli", "cursor")
"""What `--from` takes: the other programs, each with an adapter of that name."""


def main(options: list[str]) -> None:
    """Spool what stdin tells, of Claude Code or of the program that options name.

    With `--suggest`, say of a request which skill fits, if the record is sure of it.
    """
    at = time.time_ns()
    try:
        from session_buddy_skills.capture.lean_json import dumps, loads

        program, kind = _named("--from", options), _named("--event", options)
        if other := {one for one in options if one[:2] == "--"} - OPTIONS:
            _log(f"hook takes {', '.join(sorted(OPTIONS))}, not {', '.join(sorted(other))}")
        told = loads(sys.stdin.buffer.read(MOST_BYTES))
        if not isinstance(told, dict):
            raise ValueError("it is no event of a session")
        kept = [_kept(one) for one in (_adapted(told, program, kind) if program else [told])]
        if events := [one | {"at": _stamp(at)} for one in kept if one is not None]:
            if program:
                events = [one | {"program": program} for one in events]
            _spool("".join(f"{dumps(one)}\n" for one in events), at)
        if not program and told.get("hook_event_name") in STARTING:
            from session_buddy_skills.capture.hook_server import start, suggested

            start(_beside("server.json"))
            if "--suggest" in options and (line := suggested(told, _beside("server.json"))):
                context = {"hookEventName": told["hook_event_name"], "additionalContext": line}
                sys.stdout.write(dumps({"hookSpecificOutput": context}))
                sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - nothing may come of a fault but a line
        _log(f"an event is not kept: {type(error).__name__}: {error}")


def _named(option: str, options: list[str]) -> str | None:
    return options[options.index(option) + 1] if option in options else None


def _adapted(told: Fields, program: str, kind: str | None) -> list[Fields]:
    """What another program told, in the form of Claude Code's events."""
    if program not in PROGRAMS:
        raise ValueError(f"--from must be one of {', '.join(PROGRAMS)}, not {program}")
    from importlib import import_module

    name = f"session_buddy_skills.capture.adapters.{program.replace('-', '_')}"
    events: list[Fields] = import_module(name).events_of(told, kind)
    return events


def _kept(told: Fields) -> Fields | None:
    """What of an event tells of skills, or None where nothing does."""
    if not isinstance(told.get("session_id"), str):
        raise ValueError("it is no event of a session")
    kind = told.get("hook_event_name")
    if kind not in (*BESIDE, *AT_THE_END, "Interrupt"):
        return None
    event = {name: told[name] for name in KEPT if name in told}
    if kind in OF_CALLS:
        if told.get("tool_name") not in CALLS:
            return None
        event["tool_input"] = _input(told)
    if kind == "PostToolBatch":
        calls = [
            one
            for one in told.get("tool_calls") or []
            if isinstance(one, dict) and one.get("tool_name") in CALLS
        ]
        if not calls:
            return None
        event["tool_calls"] = [
            {
                "tool_name": one["tool_name"],
                "tool_use_id": one.get("tool_use_id"),
                "tool_input": _input(one),
                "tool_response": _reply(one["tool_name"], one.get("tool_response")),
            }
            for one in calls
        ]
    reply = told.get("tool_response")
    if isinstance(reply, dict):
        event["tool_response"] = {name: reply[name] for name in REPLIES if name in reply}
    if "error" in told:
        event["error"] = _failure(told["error"], kind)
    for name in ("prompt", "command_args"):
        if name in told:
            event[name] = told[name]
    how = os.environ.get("SESSION_BUDDY_SKILLS_PROMPTS") or "full"
    if how not in PROMPTS:
        _log(
            "requests are left out: SESSION_BUDDY_SKILLS_PROMPTS must be one of "
            f"{', '.join(PROMPTS)}, not {how}"
        )
        how = "none"
    return private(event, how)


def _input(call: Fields) -> Fields:
    given = call.get("tool_input")
    given = given if isinstance(given, dict) else {}
    return {name: given[name] for name in ("skill", "args", "subagent_type") if name in given}


def _reply(tool: str, reply: Any) -> str:
    """What of an answer tells what became of the call; what it says is left out."""
    from session_buddy_skills.claude_code.failures import told_by

    if isinstance(reply, list):
        reply = next((one.get("text") for one in reply if isinstance(one, dict)), "")
    return told_by(tool, reply) if isinstance(reply, str) else ""


def _failure(error: Any, kind: str | None) -> str:
    """Likewise of an error: of a turn its name, of a call the words that tell its kind."""
    from session_buddy_skills.claude_code.failures import words_of

    if not isinstance(error, str):
        return ""
    if kind == "StopFailure":
        return error if len(error) <= ERROR_CHARS and " " not in error else "unknown"
    return words_of(error[:REPLY_CHARS])


def private(event: Fields, how: str) -> Fields:
    """The event with the user's words as they may be kept (one of `PROMPTS`), which it says."""
    event["prompts"] = how
    prompt = event.get("prompt")
    if isinstance(prompt, str) and prompt.lstrip().startswith("<task-notification>"):
        event["prompt"] = _notification(prompt)
        return event
    inputs = [event, event.get("tool_input") or {}]
    inputs += [call["tool_input"] for call in event.get("tool_calls") or []]
    for given in inputs:
        for name in ("prompt", "command_args", "args"):
            if name in given:
                given[name] = _text(given[name], how)
    return event


def _text(given: Any, how: str) -> str | None:
    if not isinstance(given, str) or how == "none":
        return None
    if how == "redacted":
        from session_buddy_skills.claude_code.redacting import redacted

        return redacted(given, CHARS)
    return given[:CHARS]


def _notification(prompt: str) -> str:
    """Which background call has ended, and how; what it came to is left out."""
    text = "<task-notification>"
    for tag in ("tool-use-id", "status"):
        value = prompt.partition(f"<{tag}>")[2].partition("<")[0][:100]
        text += f"<{tag}>{value}</{tag}>"
    return f"{text}</task-notification>"


def _spool(line: str, at: int) -> None:
    folder = _beside("events")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    name = f"{folder}/{at:020d}-{os.getpid()}-{os.urandom(4).hex()}"
    file = os.open(f"{name}.part", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        data = line.encode()
        while data:
            data = data[os.write(file, data) :]
        os.fsync(file)
        os.rename(f"{name}.part", f"{name}.jsonl")
    except OSError:
        os.unlink(f"{name}.part")
        raise
    finally:
        os.close(file)


def _beside(what: str) -> str:
    """Where `locations` has it; that module is loaded only where much is stated."""
    if sys.platform == "linux" and "SESSION_BUDDY_SKILLS_DATABASE" not in os.environ:
        folder = os.environ.get("SESSION_BUDDY_SKILLS_DATA_DIR") or (
            f"{os.environ.get('XDG_DATA_HOME', '').strip() or os.path.expanduser('~/.local/share')}"
            "/session-buddy-skills"
        )
        return f"{os.path.abspath(os.path.expanduser(folder))}/skills.duckdb.{what}"
    kind, is_address, _ = os.environ.get("SESSION_BUDDY_SKILLS_DATABASE", "").partition("://")
    if is_address and kind not in DATABASES:
        raise ValueError("SESSION_BUDDY_SKILLS_DATABASE is neither a path nor of a known kind")
    from session_buddy_skills.locations import locations

    return str(locations().beside(what))


def _stamp(at: int) -> str:
    seconds, rest = divmod(at, 10**9)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{rest // 1000:06d}+00:00"


def _log(words: str) -> None:
    """Say what went wrong, in one line of the log, or on stderr if that cannot be written."""
    line = f"{_stamp(time.time_ns())} {' '.join(words.split())[:300]}\n"
    try:
        path = _beside("hooks.log")
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, line.encode(errors="replace"))
        finally:
            os.close(file)
    except BaseException:  # noqa: BLE001 - likewise
        sys.stderr.write(line)

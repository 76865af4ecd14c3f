"""Claude Code's transcripts: a file a session, and beside it one for each of its subagents."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from uuid_utils.compat import uuid5

from session_buddy_skills.errors import InputError, shown
from session_buddy_skills.importers.records import NAMESPACE, total_bytes
from session_buddy_skills.importers.transcript_files import (
    agent_id_of,
    at_rest,
    is_whole,
    meta_of,
    sessions_in,
)
from session_buddy_skills.importers.transcript_lines import KNOWN_TYPES, Line
from session_buddy_skills.importers.transcript_sidechains import Sidechains
from session_buddy_skills.importers.transcript_turns import Thread
from session_buddy_skills.importers.transcript_uses import Use
from session_buddy_skills.imports import BadRecord, ImportedInvocation, Kind, Options, Source
from session_buddy_skills.limits import NAME_CHARS, QUERY_CHARS
from session_buddy_skills.requests import checked
from session_buddy_skills.settings import claude_folder

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
_BACKGROUND = {"completed": "completed", "failed": "failed"}
"""What a notification says of a subagent, and the outcome; any other is that it was stopped."""
_STATES = {
    "completed": ("completed", None),
    "interrupted": ("abandoned", None),
    "api_error": ("failed", "api_error"),
}
"""How a subagent's last turn was left, and the outcome and error of the call that began it."""


class Transcripts:
    """Reads them, session by session."""

    kind: Kind = "claude-code"

    def discover(self, home: Path, here: Path) -> list[Path]:
        """The folder of all projects."""
        folder = claude_folder(home) / "projects"
        return [folder] if folder.is_dir() else []

    def size_bytes(self, path: Path) -> int:
        """Of all transcripts in the folder."""
        if path.is_dir():
            return total_bytes(path.rglob("*.jsonl"))
        return total_bytes(file for files in sessions_in(path).values() for file in files)

    def open(self, path: Path, options: Options) -> Iterator[Session]:
        """Each session.

        Raises:
            InputError: there is none.
        """
        sessions = sessions_in(path)
        if not sessions:
            raise InputError(f"{path} has no transcripts of Claude Code (*.jsonl).")
        for main, files in sessions.items():
            session = Session(main, files, options)
            if path.is_file() and not session.is_one:
                raise InputError(f"{path} has no line of a transcript of Claude Code.")
            yield session


class Session(Source):
    """One session, with what it has of its subagents."""

    def __init__(self, path: Path, files: list[Path], options: Options) -> None:
        self.path = path
        self.size_bytes = total_bytes(files)
        self.digest = ""
        self.noted = Counter()
        self._known = False
        self._files = files
        self._options = options
        self._read: list[ImportedInvocation | BadRecord] | None = None
        self._project: str | None = None
        self._bad: list[BadRecord] = []

    @property
    def is_one(self) -> bool:
        """Whether it has a line of a known kind, or none that is whole."""
        list(self.records())
        return self._known or not (self.noted or self._bad)

    def records(self) -> Iterator[ImportedInvocation | BadRecord]:
        """Every use of a skill or subagent in it, by the order of its lines."""
        if self._read is None:
            self._read = self._all()
        return iter(self._read)

    def _all(self) -> list[ImportedInvocation | BadRecord]:
        digest = hashlib.sha256()
        main = Thread()
        agents = [file for file in self._files if file != self.path]
        beside = Sidechains(main)
        if self.path in self._files:
            for line in self._lines(self.path, digest):
                (beside if line.get("isSidechain") else main).take(line)
        main.finish(at_rest=at_rest(self.path))
        threads = beside.finished() | self._threads(main, agents, digest)
        uses = [use for thread in (main, *threads.values()) for use in thread.uses]
        told: dict[str, tuple[str, datetime | None]] = {}
        for thread in (main, *threads.values()):
            told |= thread.ended_in_background
        for use in uses:
            _end_of_background(use, told, threads)
        for use in uses:
            _stop_inner(use, threads)
        self.digest = digest.hexdigest()
        read = [self._invocation(use) for use in uses]
        return [*read, *self._bad]

    def _threads(self, main: Thread, agents: list[Path], digest: Any) -> dict[str, Thread]:
        """The threads of the subagents by their ids, those first whose caller is known."""
        threads: dict[str, Thread] = {}
        metas = {file: meta_of(file) for file in agents}
        waiting = dict(metas)
        while waiting:
            callers = [use for thread in (main, *threads.values()) for use in thread.uses]
            called = {use.key: use for use in callers} | {
                use.runs: use for use in callers if use.runs
            }
            ready = [
                file
                for file, meta in waiting.items()
                if meta.get("toolUseId") in called or agent_id_of(file) in called
            ] or list(waiting)
            for file in ready:
                meta, agent_id = waiting.pop(file), agent_id_of(file)
                caller = called.get(str(meta.get("toolUseId"))) or called.get(agent_id)
                thread = Thread(agent_id=agent_id, prompt=caller.prompt if caller else None)
                prompt_id = ""
                for line in self._lines(file, digest):
                    prompt_id = prompt_id or str(line.get("promptId") or "")
                    if thread.prompt is None:
                        thread.prompt = main.prompts.get(prompt_id)
                    thread.take(line)
                thread.finish(whole=meta.get("finished") is True, at_rest=at_rest(file))
                threads[agent_id] = thread
                caller = caller or main.caller_of(thread, prompt_id)
                if caller is not None:
                    caller.runs = agent_id
        return threads

    def _lines(self, file: Path, digest: Any) -> Iterator[Line]:
        """The lines of a file that are whole; the last may still be written."""
        try:
            with file.open("rb") as content:
                for number, text in enumerate(content, 1):
                    if not text.endswith(b"\n") and not is_whole(text):
                        break
                    digest.update(text)
                    if line := self._line(file, number, text):
                        yield line
        except OSError as error:
            raise InputError(f"{file} cannot be read: {error.strerror}.") from error

    def _line(self, file: Path, number: int, text: bytes) -> Line | None:
        if not text.strip():
            return None
        try:
            line = json.loads(text)
        except (ValueError, RecursionError) as error:
            at = f", from its character {error.pos} on" if hasattr(error, "pos") else ""
            self._bad.append(BadRecord(f"{file.name}, line {number}", f"it is not JSON{at}"))
            return None
        if not isinstance(line, dict):
            self._bad.append(BadRecord(f"{file.name}, line {number}", "it must be an object"))
            return None
        if (kind := str(line.get("type"))) in KNOWN_TYPES:
            self._known = True
        else:
            self.noted[f"lines of a kind that is not known here: {shown(kind)}"] += 1
        if self._project is None and isinstance(cwd := line.get("cwd"), str):
            self._project = re.split(r"[/\\]", cwd.rstrip("/\\"))[-1] or None
        return line

    def _invocation(self, use: Use) -> ImportedInvocation | BadRecord:
        if use.started_at is None:
            return BadRecord(f"{self.path.name}, call {use.key}", "no line tells when it was")
        ended = use.ended_at
        if ended and ended < use.started_at:
            ended = use.started_at
        spent = use.tokens
        try:
            return checked(
                ImportedInvocation,
                invocation_id=uuid5(NAMESPACE, json.dumps(["claude-code", use.key])),
                session_id=_clean(use.session_id) or self.path.stem,
                skill_name=_clean(self._full_name(use)),
                invoked_at=use.started_at,
                ended_at=ended,
                outcome=use.outcome,
                error_type=_clean(use.error_type),
                user_query=self._text(use.prompt),
                arguments=self._text(use.arguments),
                called_as=None if use.called_as is None else use.called_as[:NAME_CHARS],
                called_by=use.called_by,
                agent_id=_clean(use.agent_id),
                model=_clean(use.model),
                input_tokens=spent.input or None,
                output_tokens=spent.output or None,
                end_inferred=use.end_inferred,
                project=_clean(self._project),
                source="claude-code",
            )
        except InputError as error:
            return BadRecord(f"{self.path.name}, call {use.key}", str(error).rstrip("."))

    def _full_name(self, use: Use) -> str:
        """The one name of what was used; the catalog tells that of a plugin's skill."""
        full = self._options.full_names.get(use.skill_name)
        return full if full and use.may_be(full) else use.skill_name

    def _text(self, text: str | None) -> str | None:
        if text is None:
            return None
        whole = text.replace("\0", " ").encode(errors="replace").decode()
        if len(whole) > QUERY_CHARS:
            self.noted[f"texts that were cut to {QUERY_CHARS} characters"] += 1
        return whole[:QUERY_CHARS]


def _end_of_background(
    use: Use, ended: dict[str, tuple[str, datetime | None]], threads: dict[str, Thread]
) -> None:
    """How a call ended whose subagent went on after it, and what subagents spent."""
    thread = threads.get(use.runs or "")
    if thread is not None:
        use.tokens.add(thread.tokens)
        use.model = use.model or thread.model
    if use.outcome is not None:
        return
    if told := ended.get(use.key):
        use.end(_BACKGROUND.get(told[0], "abandoned"), told[1], inferred=False)
    elif thread is not None and thread.last_state in _STATES:
        outcome, error = _STATES[thread.last_state]
        use.end(outcome, thread.last_at, inferred=True, error=error)
    else:
        use.end("unknown", None, inferred=True)


def _stop_inner(use: Use, threads: dict[str, Thread]) -> None:
    """What a subagent was at when its caller was interrupted was interrupted with it."""
    thread = threads.get(use.runs or "")
    if thread is not None and use.outcome == "abandoned":
        for inner in thread.uses:
            if inner.outcome == "unknown":
                inner.outcome, inner.ended_at = "abandoned", use.ended_at


def _clean(text: str | None) -> str | None:
    if text is None:
        return None
    return _CONTROL.sub(" ", text.encode(errors="replace").decode()).strip()[:NAME_CHARS]

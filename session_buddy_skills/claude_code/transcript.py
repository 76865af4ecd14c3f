"""Reads the transcript of a session, with those of its subagents."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from session_buddy_skills.claude_code.files import agent_id_of, at_rest, is_whole, meta_of
from session_buddy_skills.claude_code.invocations import project_of, settled
from session_buddy_skills.claude_code.lines import KNOWN_TYPES, Line
from session_buddy_skills.claude_code.sidechains import Sidechains
from session_buddy_skills.claude_code.turns import Thread
from session_buddy_skills.claude_code.uses import Use
from session_buddy_skills.errors import InputError, shown
from session_buddy_skills.imports import BadRecord


class Transcript:
    """What the files of a session tell; `path` is the main one, which may be gone.

    Raises:
        InputError: a file cannot be read.
    """

    def __init__(self, path: Path, files: list[Path]) -> None:
        self.path = path
        self.noted: Counter[str] = Counter()
        """What is worth telling, and how often."""
        self.bad: list[BadRecord] = []
        """Lines that cannot be read."""
        self.known = False
        """Whether it has a line of a known kind."""
        self.project: str | None = None
        digest = hashlib.sha256()
        main = Thread()
        agents = [file for file in files if file != path]
        beside = Sidechains(main)
        if path in files:
            for line in self._lines(path, digest):
                (beside if line.get("isSidechain") else main).take(line)
        main.finish(at_rest=at_rest(path))
        threads = beside.finished() | self._threads(main, agents, digest)
        self.uses: list[Use] = settled(main, threads)
        """Every use of a skill or subagent, by the order of the lines."""
        self.digest = digest.hexdigest()
        """SHA-256 of all that was read."""

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
            self.bad.append(BadRecord(f"{file.name}, line {number}", f"it is not JSON{at}"))
            return None
        if not isinstance(line, dict):
            self.bad.append(BadRecord(f"{file.name}, line {number}", "it must be an object"))
            return None
        if (kind := str(line.get("type"))) in KNOWN_TYPES:
            self.known = True
        else:
            self.noted[f"lines of a kind that is not known here: {shown(kind)}"] += 1
        if self.project is None and isinstance(cwd := line.get("cwd"), str):
            self.project = project_of(cwd)
        return line

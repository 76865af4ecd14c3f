"""Subagents whose lines stand among those of the session, as older Claude Code wrote them."""

from __future__ import annotations

from session_buddy_skills.claude_code.lines import Line
from session_buddy_skills.claude_code.turns import Thread


class Sidechains:
    """Threads of subagents that older versions wrote among the lines of the session."""

    def __init__(self, main: Thread) -> None:
        self._main = main
        self._threads: dict[str, Thread] = {}
        self._keys: dict[str, str] = {}

    def take(self, line: Line) -> None:
        """The next line of any of them."""
        before = self._keys.get(str(line.get("parentUuid")))
        key = str(line.get("agentId") or before or line.get("uuid"))
        self._keys[str(line.get("uuid"))] = key
        if key not in self._threads:
            self._threads[key] = Thread(agent_id=key, prompt=self._main.prompt)
        self._threads[key].take(line)

    def finished(self) -> dict[str, Thread]:
        """All of them by their ids, or that of their first line."""
        for thread in self._threads.values():
            thread.finish(at_rest=True)
        return self._threads

"""What Claude Code's hooks tell of a session, as the lines that its transcript would have.

An event is what a hook was given, with the time that the hook was run at. Some never come.
"""

from __future__ import annotations

from session_buddy_skills.claude_code.failures import FORKED, IN_BACKGROUND, LAUNCHED, REFUSED
from session_buddy_skills.claude_code.invocations import settled
from session_buddy_skills.claude_code.lines import Command, Line, plain
from session_buddy_skills.claude_code.ordering import Event
from session_buddy_skills.claude_code.turns import AGENT_TOOLS, SKILL_TOOL, Thread
from session_buddy_skills.claude_code.uses import Use

NOTIFICATION = "<task-notification>"
CALLS = (SKILL_TOOL, *AGENT_TOOLS)
"""Tools whose calls are uses of skills or subagents."""
_BEGINNINGS = ("startup", "resume", "fork", "clear")
"""Sources of a SessionStart before which nothing of the session can be under way."""


class HookedSession:
    """Takes the events of one session in their order."""

    def __init__(self) -> None:
        self.main = Thread()
        self.threads: dict[str, Thread] = {}
        self.ended = False
        """Whether the program that ran it has ended, as far as is told."""
        self.transcript: str | None = None
        self._under_way = False
        self._prompt_id: str | None = None
        self._expanded: set[tuple[str, str]] = set()
        self._answered: set[str] = set()
        self._last: Line = {}

    def take(self, event: Event) -> None:
        """The next event; one of a kind that is not known tells nothing."""
        self.transcript = plain(event.get("transcript_path")) or self.transcript
        line = {
            "timestamp": event.get("at"),
            "sessionId": event.get("session_id"),
            "promptId": event.get("prompt_id"),
        }
        handler = _HANDLERS.get(str(event.get("hook_event_name")))
        if handler is not None:
            handler(self, event, line)
        self._last = line

    def uses(self) -> list[Use]:
        """All uses; nothing can be taken any more. What is under way is pending."""
        threads = (self.main, *self.threads.values())
        under_way = [use for one in threads for use in one.uses if use.outcome is None]
        for thread in threads:
            thread.finish()
        uses = settled(self.main, self.threads)
        for use in under_way:
            if use.outcome == "unknown" and not self.ended:
                use.outcome = "pending"
        return uses

    def _prompt(self, event: Event, line: Line) -> None:
        prompt = plain(event.get("prompt")) or ""
        if prompt.lstrip().startswith(NOTIFICATION) and self._goes_on(line):
            self.main.notice(line, prompt)
            return
        if self._goes_on(line):
            # Typed while the turn was under way; or the command's expansion came first.
            if prompt and prompt.lstrip()[:1] != "/":
                self.main.prompt = prompt
            return
        self._begin(line)
        # Unlike in a transcript a slash in it says nothing: the expansion tells of commands.
        said = {"type": "user", "promptSource": "hook", "message": {"content": prompt}}
        self.main.take(line | said)

    def _expansion(self, event: Event, line: Line) -> None:
        prompt_id, name = plain(line["promptId"]), plain(event.get("command_name"))
        if event.get("expansion_type") != "slash_command" or not (prompt_id and name):
            return
        if (prompt_id, name) in self._expanded:
            return
        if not self._goes_on(line):
            self._begin(line)
            self.main.take(line | {"type": "user", "message": {"content": " "}})
        again = any(one == prompt_id for one, _ in self._expanded)
        self._expanded.add((prompt_id, name))
        arguments = plain(event.get("command_args")) or self._typed_after(name)
        if again:  # A second one, typed while the turn was under way.
            line = line | {"uuid": f"{prompt_id} {name}"}
        self.main.expand(line, Command(name, arguments and arguments.strip()))

    def _typed_after(self, name: str) -> str | None:
        """What follows the command in the request, where the event does not say it apart."""
        found, _, rest = (self.main.prompt or "").partition(" ")
        return plain(rest) if found.lstrip("/") == name else None

    def _goes_on(self, line: Line) -> bool:
        """Whether it belongs to the turn that is under way, of which not all need be known yet."""
        if self._under_way and self._prompt_id is None:
            self._prompt_id = line["promptId"]
        return self._under_way and line["promptId"] in (None, self._prompt_id)

    def _begin(self, line: Line) -> None:
        """A turn begins. One that is still under way was interrupted: what is typed into it bears
        its own id.
        """
        self._interrupt({}, self._last)
        self._under_way, self._prompt_id, self.ended = True, line["promptId"], False

    def _interrupt(self, _event: Event, line: Line) -> None:
        if self._under_way:
            told = {"type": "user", "message": {"content": "[Request interrupted by user]"}}
            self.main.take(line | told)
        self._under_way = False

    def _call(self, event: Event, line: Line) -> None:
        """A call, which more than one event tells of."""
        key, name = event.get("tool_use_id"), event.get("tool_name")
        called = {"type": "tool_use", "id": key, "name": name, "input": event.get("tool_input")}
        message = {"content": [called], "stop_reason": "tool_use"}
        thread = self._thread(event)
        if str(key) not in thread.calls:
            thread.take(line | {"type": "assistant", "message": message})
            if "agent_id" not in event and not self._under_way:
                self._under_way, self._prompt_id = True, line["promptId"]
        if (use := thread.calls.get(str(key))) and use.arguments is None and not use.is_agent:
            # The first to tell of a call may know less of it.
            given = event.get("tool_input")
            use.arguments = plain(given.get("args")) if isinstance(given, dict) else None

    def _answer(self, event: Event, line: Line) -> None:
        self._call(event, line)
        self._result(event, line | {"toolUseResult": event.get("tool_response")}, {})

    def _failure(self, event: Event, line: Line) -> None:
        self._call(event, line)
        if event.get("is_interrupt") is True:
            line = line | {"toolDenialKind": "user-rejected"}
        self._result(event, line, {"is_error": True, "content": event.get("error")})

    def _batch(self, event: Event, line: Line) -> None:
        """The only event of calls that could not be made."""
        calls = event.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            if not isinstance(call, dict) or call.get("tool_name") not in CALLS:
                continue
            one = {**event, **call}
            self._call(one, line)
            if call.get("tool_use_id") not in self._answered:
                told, block = _told_by(call)
                self._result(one, line | {"toolUseResult": told}, block)

    def _result(self, event: Event, line: Line, block: Line) -> None:
        key = event.get("tool_use_id")
        self._answered.add(str(key))
        result = {"type": "tool_result", "tool_use_id": key, **block}
        self._thread(event).take(line | {"type": "user", "message": {"content": [result]}})

    def _thread(self, event: Event) -> Thread:
        key = plain(event.get("agent_id"))
        if key is None:
            return self.main
        if key not in self.threads:
            prompt = self.main.prompts.get(str(event.get("prompt_id"))) or self.main.prompt
            self.threads[key] = Thread(agent_id=key, prompt=prompt)
        return self.threads[key]

    def _subagent_start(self, event: Event, _line: Line) -> None:
        self._thread(event)

    def _stop(self, event: Event, line: Line) -> None:
        thread = self._thread(event)
        thread.take(line | {"type": "assistant", "message": {"stop_reason": "end_turn"}})
        if thread is self.main:
            self._under_way = False

    def _stop_failure(self, event: Event, line: Line) -> None:
        told = {"type": "assistant", "isApiErrorMessage": True, "error": event.get("error")}
        self.main.take(line | told)
        self._under_way = False

    def _session_start(self, event: Event, _line: Line) -> None:
        if event.get("source") in _BEGINNINGS:
            self._leave()
            self.ended = False

    def _session_end(self, _event: Event, _line: Line) -> None:
        self._leave()
        self.ended = True

    def _leave(self) -> None:
        """What is under way will not go on; how it ended is not told."""
        if self._under_way:
            self.main.finish()
        self._under_way = False


def _told_by(call: Event) -> tuple[Line | None, Line]:
    """What the text that a call was answered with tells: its result, and the block of that."""
    text = plain(call.get("tool_response")) or ""
    if text.startswith(LAUNCHED):
        return {"success": True}, {}
    if FORKED in text and call.get("tool_name") == SKILL_TOOL:
        return {"status": "forked"}, {}
    if text.startswith(IN_BACKGROUND):
        return {"status": "async_launched"}, {}
    if text.startswith(REFUSED):
        return None, {"is_error": True, "content": text}
    return {"status": "completed"}, {}


_HANDLERS = {
    "UserPromptSubmit": HookedSession._prompt,
    "UserPromptExpansion": HookedSession._expansion,
    "PermissionRequest": HookedSession._call,
    "PreToolUse": HookedSession._call,
    "PostToolUse": HookedSession._answer,
    "PostToolUseFailure": HookedSession._failure,
    "PostToolBatch": HookedSession._batch,
    "SubagentStart": HookedSession._subagent_start,
    "SubagentStop": HookedSession._stop,
    "Stop": HookedSession._stop,
    "StopFailure": HookedSession._stop_failure,
    "Interrupt": HookedSession._interrupt,
    "SessionStart": HookedSession._session_start,
    "SessionEnd": HookedSession._session_end,
}

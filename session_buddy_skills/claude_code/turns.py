"""Uses of skills and subagents in one thread of a transcript: the main one, or a subagent's.

Lines are taken in their order, never by their times, which run backwards in places. A use lasts to
the end of the turn that it is in, unless its own result tells its end.
"""

from __future__ import annotations

from datetime import datetime

from session_buddy_skills.claude_code.lines import (
    Command,
    Line,
    api_error_of,
    blocks_of,
    command_of,
    count_of,
    ended_task,
    plain,
    said_by,
    session_of,
    text_of,
    time_of,
)
from session_buddy_skills.claude_code.uses import Tokens, Turn, Use

SKILL_TOOL = "Skill"
AGENT_TOOLS = ("Agent", "Task")
_GOES_ON = ("tool_use", "pause_turn")
"""Reasons to stop after which the turn goes on."""


class Thread:
    """Takes one line after another; `finish` closes the turn that is open."""

    def __init__(self, *, agent_id: str | None = None, prompt: str | None = None) -> None:
        self.uses: list[Use] = []
        self.calls: dict[str, Use] = {}
        self.ended_in_background: dict[str, tuple[str, datetime | None]] = {}
        """By call: how its subagent ended, and when that was told."""
        self.prompt = prompt
        self.prompts: dict[str, str] = {}
        """Requests by their promptId; in a copied session the last one has it."""
        self.forked: dict[str, Use] = {}
        """Skills with a context of their own, by the promptId of the user's line."""
        self.unanswered: dict[str, tuple[Line, Command]] = {}
        """Lines that begin with a slash, likewise; they may be mere text."""
        self.attributed: set[str] = set()
        """Skills that responses are attributed to."""
        self.model: str | None = None
        self.tokens = Tokens()
        """Of responses that belong to no use here."""
        self.last_state = "open"
        self.last_at: datetime | None = None
        self._agent_id = agent_id
        self._turn = Turn()
        self._tags: tuple[Line, Command] | None = None
        self._plain: tuple[Line, Command] | None = None
        self._counted: set[str] = set()
        self._unmarked: list[Use] = []
        self._now: datetime | None = None

    def take(self, line: Line) -> None:
        """The next line."""
        kind = line.get("type")
        self._now = time_of(line) or self._now
        if kind == "user":
            self._user(line)
        elif kind == "assistant":
            self._assistant(line)
        elif kind == "system":
            self._system(line)
        elif kind == "attachment":
            self._attachment(line)

    def finish(self, *, whole: bool = False, at_rest: bool = False) -> None:
        """There are no more lines: `whole` where it is known that the work was ended; `at_rest`
        where nothing was written for long, so that what was said last is the end.
        """
        if whole or (at_rest and self._turn.state == "said"):
            if self._turn.state in ("open", "said"):
                self._turn.state = "completed"
        elif self._turn.state == "said":
            self._turn.state = "open"
        self._plain = None
        self._close()

    def _user(self, line: Line) -> None:
        results = [one for one in blocks_of(line) if one.get("type") == "tool_result"]
        for block in results:
            self._result(line, block)
        if results:
            self._turn.at = time_of(line) or self._turn.at
            return
        text = text_of(line)
        said = said_by(line, text)
        if said == "body":
            self._body(line)
            return
        self._tags = None
        if not line.get("isMeta"):
            self._plain = None
        if said == "interruption":
            self._ends("interrupted", line)
        elif said == "slash":
            if command := command_of(text):
                self._tags = (line, command)
        elif said == "notification":
            self._close()
            self.notice(line, text)
        elif said == "request":
            self._request(line, text)

    def _request(self, line: Line, text: str) -> None:
        self._close()
        if self._agent_id is None:
            self._ask(line, text)
            plain = text.startswith("/") and not line.get("promptSource")
            command = command_of(text) if plain else None
            if command:
                self._plain = (line, command)
                self.unanswered[str(line.get("promptId"))] = (line, command)

    def _ask(self, line: Line, prompt: str) -> None:
        self.prompt = prompt
        if isinstance(key := line.get("promptId"), str):
            self.prompts[key] = prompt

    def _body(self, line: Line) -> None:
        """What a skill says; after the tags of a command it shows that the command was one."""
        if self._tags is None:
            return
        (tags, command), self._tags = self._tags, None
        self._close()
        self.expand(tags, command)

    def expand(self, line: Line, command: Command) -> None:
        """Note that the user asked for a skill, in the turn that is under way."""
        self._ask(line, command.prompt)
        self.slash(line, command)

    def slash(self, line: Line, command: Command) -> Use:
        """Note that the user called a skill in this line."""
        use = Use(
            key=str(line.get("uuid") or line.get("promptId")),
            called_as=command.name,
            arguments=command.arguments,
            called_by="slash",
            session_id=session_of(line),
            started_at=time_of(line) or self._now,
            prompt=command.prompt,
            prompt_id=plain(line.get("promptId")),
        )
        self._unmarked.append(use)
        self._begin(use)
        return use

    def _begin(self, use: Use) -> None:
        self.uses.append(use)
        self._turn.uses.append(use)

    def _assistant(self, line: Line) -> None:
        self._tags = self._plain = None
        message = line.get("message")
        message = message if isinstance(message, dict) else {}
        if line.get("isApiErrorMessage"):
            self._turn.error = api_error_of(line)
            self._ends("api_error", line)
            return
        if message.get("model") == "<synthetic>":
            return
        self._attribute(line, message)
        self._count(message)
        blocks = blocks_of(line)
        called = False
        for block in blocks:
            if block.get("type") == "tool_use":
                called = True
                self._call(line, message, block)
        reason = message.get("stop_reason")
        if called or reason in _GOES_ON:
            self._turn.state = "open"
            self._turn.at = time_of(line) or self._turn.at
        elif reason is not None:
            self._ends("completed", line)
        elif any(block.get("type") == "text" for block in blocks):
            # Older versions write no reason; the turn's end shows in what follows.
            self._ends("said", line)

    def _call(self, line: Line, message: Line, block: Line) -> None:
        name, key = block.get("name"), plain(block.get("id"))
        if name not in (SKILL_TOOL, *AGENT_TOOLS) or key is None or key in self.calls:
            return
        given = block.get("input")
        given = given if isinstance(given, dict) else {}
        is_agent = name in AGENT_TOOLS
        use = Use(
            key=key,
            called_as=plain(given.get("subagent_type" if is_agent else "skill")),
            arguments=None if is_agent else plain(given.get("args")),
            called_by="subagent" if self._agent_id else "model",
            session_id=session_of(line),
            started_at=self._now,
            prompt=self.prompt,
            is_agent=is_agent,
            agent_id=self._agent_id,
            model=plain(message.get("model")),
        )
        if is_agent and not given.get("subagent_type"):
            use.called_as = "general-purpose"
        self.calls[key] = use
        self._begin(use)

    def _result(self, line: Line, block: Line) -> None:
        use = self.calls.get(str(block.get("tool_use_id")))
        if use is not None:
            use.take_result(line, block)

    def _attribute(self, line: Line, message: Line) -> None:
        """A plugin's skill that was called by its short name, by what it is attributed to."""
        if isinstance(origin := line.get("requestSessionId"), str):
            # What stands before a copied response was copied with it.
            for use in self._unmarked:
                use.session_id = origin
            self._unmarked.clear()
        skill = line.get("attributionSkill")
        self.model = self.model or plain(message.get("model"))
        if isinstance(skill, str):
            self.attributed.add(skill)
        for use in self._turn.uses:
            if use.model is None:
                use.model = plain(message.get("model"))
            if isinstance(skill, str) and use.may_be(skill):
                use.resolved = skill

    def _count(self, message: Line) -> None:
        """Tokens of a response, once, to the skill that was begun last before it."""
        usage, key = message.get("usage"), message.get("id")
        if not isinstance(usage, dict) or not isinstance(key, str) or key in self._counted:
            return
        self._counted.add(key)
        names = ("input_tokens", "cache_creation_input_tokens")
        spent = Tokens(
            sum(count_of(usage.get(name)) for name in names), count_of(usage.get("output_tokens"))
        )
        at_work = [one for one in self._turn.uses if not one.is_agent and one.outcome is None]
        (at_work[-1].tokens if at_work else self.tokens).add(spent)

    def _system(self, line: Line) -> None:
        subtype = line.get("subtype")
        if subtype == "local_command" and self._plain and not line.get("commandRun"):
            # A skill with a context of its own: its text goes to a subagent, its end comes here.
            (asked, command), self._plain = self._plain, None
            use = self.slash(asked, command)
            use.end("completed", time_of(line), inferred=False)
            self.forked[str(asked.get("promptId"))] = use
            self.unanswered.pop(str(asked.get("promptId")), None)
        elif subtype in ("stop_hook_summary", "turn_duration") and self._turn.state == "said":
            self._turn.state = "completed"

    def _attachment(self, line: Line) -> None:
        told = line.get("attachment")
        if isinstance(told, dict) and told.get("type") == "queued_command":
            prompt = text_of({"message": {"content": told.get("prompt")}})
            if told.get("commandMode", "prompt") == "prompt":
                self.prompt = prompt or self.prompt
            else:
                self.notice(line, prompt)

    def notice(self, line: Line, text: str) -> None:
        """Note what a notification tells of work in the background."""
        if ended := ended_task(text):
            self.ended_in_background[ended[0]] = (ended[1], time_of(line))

    def _ends(self, state: str, line: Line) -> None:
        self._turn.state = state
        self._turn.at = time_of(line) or self._turn.at

    def _close(self) -> None:
        """The turn is over: that is the end of what is still under way in it."""
        turn, self._turn = self._turn, Turn()
        if turn.uses or turn.state != "open":
            self.last_state, self.last_at = turn.state, turn.at
        turn.close()

    def caller_of(self, thread: Thread, prompt_id: str) -> Use | None:
        """The slash command whose skill has that thread for its own context.

        One that was stopped before its end came here shows by its thread alone.
        """
        if use := self.forked.get(prompt_id):
            return use
        line, command = self.unanswered.get(prompt_id, ({}, None))
        if command is None or not any(
            skill in (command.name, f"{skill.rpartition(':')[0]}:{command.name}")
            for skill in thread.attributed
        ):
            return None
        return self.slash(line, command)

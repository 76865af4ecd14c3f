"""A session of Claude Code while it goes on: what hooks told, and what its transcript says."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from session_buddy_skills import spool
from session_buddy_skills.claude_code.events import HookedSession
from session_buddy_skills.claude_code.files import sessions_in
from session_buddy_skills.claude_code.invocations import SOURCE, id_of, invocation_of, project_of
from session_buddy_skills.claude_code.merging import merged
from session_buddy_skills.claude_code.ordering import Event, in_order, paired
from session_buddy_skills.claude_code.privacy import kept
from session_buddy_skills.claude_code.suggestions import SUGGESTION, Suggested, outcomes_of
from session_buddy_skills.claude_code.transcript import Transcript
from session_buddy_skills.errors import InputError
from session_buddy_skills.imports import ImportedInvocation

logger = logging.getLogger(__name__)
Told = list[tuple[ImportedInvocation, UUID | None]]

TURNING_POINTS = (
    "SessionStart",
    "UserPromptExpansion",
    "SubagentStop",
    "Stop",
    "StopFailure",
    "SessionEnd",
)
"""Events at which the transcript has something to tell that hooks do not."""
LOOKS_SECONDS = (0.0, 1.0, 3.0, 7.0, 15.0, 30.0)
"""How long after such an event the transcript is looked at: it is written a little later."""
KEY = "Key"
"""The kind of event that is added for the key that a slash command has in the transcript."""
STRICTEST_FIRST = ("none", "redacted", "full")
"""What may be kept of requests: of a session as little as was ever said of it."""
GONE_AFTER = timedelta(hours=24)
"""A program of which nothing was heard for so long has ended, whatever it did not say."""


class LiveSession:
    """Everything that was told of one session; kept in a file of events."""

    def __init__(self, session_id: str, folder: Path) -> None:
        self.session_id = session_id
        self.journal = folder / f"{_file_name(session_id)}.jsonl"
        self.heard_at = datetime.min.replace(tzinfo=UTC)
        """When the newest event was."""
        self.folder: str | None = None
        """Where it began to work."""
        self.suggested: list[Suggested] = []
        """What came of suggestions, as far as it is known."""
        read = spool.objects(self.journal)
        self._events: list[Event] = [one for one in read.records if wrong_with(one) is None]
        if len(self._events) < len(read.records) or read.unreadable:
            logger.error("%s is damaged: the session is told without some events", self.journal)
        self._changed = True
        self._looks = [0.0]
        self._read: Transcript | None = None
        self._seen: list[tuple[int, int]] = []
        self._gone = self._ended = False
        self._hear(self._events)

    def add(self, events: Sequence[Event]) -> None:
        """Some more events; they are on disk when this returns.

        Raises:
            OSError: they cannot be written; nothing is added.
        """
        self._write(events)
        self._done.unlink(missing_ok=True)
        self._events += events
        self._hear(events)
        if any(event.get("hook_event_name") in TURNING_POINTS for event in events):
            now = time.monotonic()
            self._looks = [now + seconds for seconds in LOOKS_SECONDS]
        self._changed, self._gone = True, False

    def _write(self, events: Sequence[Event]) -> None:
        text = "".join(f"{json.dumps(event, separators=(',', ':'))}\n" for event in events)
        self.journal.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.journal, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size and (file.seek(size - 1), file.read(1))[1] != b"\n":
                text = f"\n{text}"  # A power cut has left half a line, which must not spoil more.
            try:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise

    @property
    def _done(self) -> Path:
        """Says that there is no more to tell of this session, unless it goes on."""
        return self.journal.with_suffix(".done")

    def close(self) -> None:
        """Note that all of it is told.

        Raises:
            OSError: that cannot be noted.
        """
        self._done.touch(0o600)

    def look_again(self) -> None:
        """Another session begins in its folder: the program that ran it may be gone."""
        self._looks = [0.0, *self._looks]

    def is_due(self) -> bool:
        """Whether there may be something new to record."""
        passed = datetime.now(UTC) - self.heard_at > GONE_AFTER
        look = bool(self._looks) and self._looks[0] <= time.monotonic()
        return self._changed or look or (passed and not self._gone)

    def again(self) -> None:
        """What was told last could not be recorded."""
        self._changed = True

    @property
    def is_over(self) -> bool:
        """Whether nothing will come any more, as far as can be told."""
        return (self._gone or self._ended) and not (self._changed or self._looks)

    def account(self, full_names: Mapping[str, str]) -> Told:
        """All that is known of its uses, each with the id it had before if that was another."""
        hooked = HookedSession()
        for event in paired(in_order(self._events)):
            hooked.take(event)
        self._gone = datetime.now(UTC) - self.heard_at > GONE_AFTER
        hooked.ended = self._ended = hooked.ended or self._gone
        read = self._transcript(hooked.transcript)
        newest = self._events[-1] if self._events else {}
        allowed = {str(one["prompts"]) for one in self._events if "prompts" in one}
        prompts = next((one for one in STRICTEST_FIRST if one in allowed), STRICTEST_FIRST[0])
        told: Told = []
        noted: Counter[str] = Counter()
        uses = hooked.uses()
        for use in uses:
            use.key = self._keys.get(use.key, use.key)
        known = merged(uses, read.uses if read else [])
        self._remember_keys({former: use.key for use, former in known if former})
        self.suggested = outcomes_of(self._events, [use for use, _ in known])
        for use, former in known:
            try:
                one = invocation_of(
                    kept(use, prompts),
                    session_id=self.session_id,
                    project=project_of(self.folder or ""),
                    full_names=full_names,
                    noted=noted,
                    source=str(newest.get("program") or SOURCE),
                )
            except InputError as error:
                logger.error("a call of %s is not recorded: %s", self.session_id, error)
            else:
                told.append((one, None if former is None else id_of(former)))
        self._changed = False
        return told

    @property
    def _keys(self) -> dict[str, str]:
        """Keys of slash commands in the transcript, by their prompts, as far as it was read."""
        told = (one for one in self._events if one.get("hook_event_name") == KEY)
        return {str(one["prompt_id"]): str(one["key"]) for one in told}

    def _remember_keys(self, keys: Mapping[str, str]) -> None:
        """Note them, since transcripts go, and what is recorded is to keep its id."""
        base = {"hook_event_name": KEY, "session_id": self.session_id}
        new = keys.items() - self._keys.items()
        at = datetime.now(UTC).isoformat()
        if events := [base | {"at": at, "prompt_id": one, "key": key} for one, key in new]:
            self._write(events)
            self._events += events

    def _hear(self, events: Sequence[Event]) -> None:
        for event in events:
            self.heard_at = max(self.heard_at, datetime.fromisoformat(event["at"]))
            if self.folder is None and isinstance(folder := event.get("cwd"), str):
                self.folder = folder

    def _transcript(self, path: str | None) -> Transcript | None:
        """The transcript as it is; read again only where one is due to be looked at."""
        now = time.monotonic()
        due = any(look <= now for look in self._looks)
        self._looks = [look for look in self._looks if look > now]
        if path is None or not path.endswith(".jsonl") or not (due or self._gone):
            return self._read
        try:
            [(main, files)] = sessions_in(Path(path)).items() or [(None, [])]
            seen = [(stat.st_size, stat.st_mtime_ns) for stat in map(Path.stat, files)]
            if main is not None and seen != self._seen:
                self._read, self._seen = Transcript(main, files), seen
        except (OSError, InputError) as error:
            logger.warning("recorded without the transcript: %s", error)
        return self._read


def _file_name(session_id: str) -> str:
    """Of a file; an id is whatever a program says it is."""
    plain = re.fullmatch(r"[A-Za-z0-9_-]{1,100}", session_id)
    return session_id if plain else sha256(session_id.encode(errors="replace")).hexdigest()


def wrong_with(event: Event) -> str | None:
    """What makes it no event, if anything does."""
    added = {SUGGESTION: ("skill_name", "prompt_id"), KEY: ("key", "prompt_id")}
    for name in added.get(str(event.get("hook_event_name")), ()):
        if not isinstance(event.get(name), str):
            return f"it has no {name}"
    if not isinstance(event.get("session_id"), str) or not event["session_id"]:
        return "it has no session_id"
    try:
        at = datetime.fromisoformat(event["at"])
    except (KeyError, TypeError, ValueError):
        return "it has no time"
    return None if at.tzinfo else "its time has no zone"

"""Takes in what hooks of Claude Code have spooled, and makes invocations of it."""

from __future__ import annotations

import json
import logging
import time
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import anyio
from anyio import to_thread

from session_buddy_skills import spool
from session_buddy_skills.capture.sessions import LiveSession
from session_buddy_skills.capture.suggesting import record_outcome
from session_buddy_skills.claude_code.events import Event
from session_buddy_skills.claude_code.suggestions import SUGGESTION, Suggested
from session_buddy_skills.errors import InputError, StorageError
from session_buddy_skills.service import Service

logger = logging.getLogger(__name__)
SECONDS_BETWEEN = 1.0
"""How often the folder is looked at."""
REMEMBERED_SECONDS = 48 * 3_600
"""Sessions of which something was heard so lately are gone on with after a start."""
KEPT_SECONDS = 30 * 86_400
"""How long the events of a session are kept after the newest: it may be resumed."""


class EventIntake:
    """Sorts events by their sessions and has each session told anew, whenever there is news."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._service = service
        self._folder = folder
        self._journals = folder / "sessions"
        self._sessions: dict[str, LiveSession] = {}
        self._told: set[str] = set()
        self._recorded: set[Suggested] = set()
        self._last = time.monotonic()

    @property
    def idle_seconds(self) -> float:
        """How long ago the last event came."""
        return time.monotonic() - self._last

    async def run(self) -> None:
        """Take in what is there and what comes, until cancelled."""
        for session_id in await to_thread.run_sync(self._remembered):
            await self._open(session_id)
        while True:
            await self.take_in()
            await anyio.sleep(SECONDS_BETWEEN)

    async def take_in(self) -> int:
        """Take in what is there; answers with how many invocations are new or better known.

        What cannot be taken in holds up nothing else, and is tried again. The reason is logged,
        once.
        """
        reasons: set[str] = set()
        try:
            paths = await to_thread.run_sync(spool.waiting, self._folder)
        except OSError as error:
            paths = []
            reasons.add(self._tell(str(self._folder), error))
        for path in paths:
            try:
                await self._take_in_one(path)
            except Exception as error:  # noqa: BLE001 - a fault of ours is told with its traceback
                reasons.add(self._tell(str(path), error))
        changed = 0
        for session in list(self._sessions.values()):
            if session.is_due():
                try:
                    changed += await self._record(session)
                except Exception as error:  # noqa: BLE001 - likewise
                    reasons.add(self._tell(f"session {session.session_id}", error))
            elif session.is_over:
                del self._sessions[session.session_id]
        self._told = reasons
        return changed

    async def _take_in_one(self, path: Path) -> None:
        self._last = time.monotonic()
        found = await to_thread.run_sync(spool.objects, path)
        rejected = found.unreadable
        by_session: dict[str, list[Event]] = defaultdict(list)
        for event in found.records:
            if reason := _wrong_with(event):
                rejected.append((json.dumps(event).encode(), reason))
            else:
                by_session[event["session_id"]].append(event)
        for session_id, events in by_session.items():
            session = self._sessions.get(session_id) or await self._open(session_id)
            await to_thread.run_sync(session.add, events)
        if rejected:
            logger.error("%d lines of %s are set aside", len(rejected), path)
            await to_thread.run_sync(spool.reject, self._folder, rejected)
        await to_thread.run_sync(spool.remove, path)

    async def _open(self, session_id: str) -> LiveSession:
        session = await to_thread.run_sync(LiveSession, session_id, self._journals)
        self._sessions[session_id] = session
        return session

    async def _record(self, session: LiveSession) -> int:
        names = await self._service.capture.full_names()
        told = await to_thread.run_sync(session.account, names)
        try:
            changed = await self._service.capture.keep(told)
            for found in session.suggested:
                if found not in self._recorded:
                    self._recorded.add(found)
                    await self._record_suggested(session.session_id, found)
        except StorageError:
            session.again()
            raise
        return changed

    async def _record_suggested(self, session_id: str, found: Suggested) -> None:
        try:
            await record_outcome(self._service, session_id, found)
        except InputError as error:
            # The test was stopped; or what is known of a turn has changed since it was over.
            logger.info("what came of a suggestion is not recorded: %s", error)

    def _remembered(self) -> list[str]:
        """The sessions that may go on; events of long ago are forgotten."""
        found = []
        for path in self._journals.glob("*.jsonl"):
            age = time.time() - path.stat().st_mtime
            if age > KEPT_SECONDS:
                path.unlink(missing_ok=True)
            elif age < REMEMBERED_SECONDS and (events := spool.objects(path).records):
                found.append(str(events[0]["session_id"]))
        return found

    def _tell(self, what: str, error: Exception) -> str:
        reason = f"{what} is not taken in: {error}"
        if reason not in self._told:
            ours = not isinstance(error, OSError | StorageError)
            logger.error("what hooks told: %s", reason, exc_info=ours)
        return reason


def _wrong_with(event: Event) -> str | None:
    """What makes it no event, if anything does."""
    if event.get("hook_event_name") == SUGGESTION and not (
        isinstance(event.get("skill_name"), str) and isinstance(event.get("prompt_id"), str)
    ):
        return "it suggests nothing"
    if not isinstance(event.get("session_id"), str) or not event["session_id"]:
        return "it has no session_id"
    try:
        at = datetime.fromisoformat(event["at"])
    except (KeyError, TypeError, ValueError):
        return "it has no time"
    return None if at.tzinfo else "its time has no zone"

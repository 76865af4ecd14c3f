"""Takes in what hooks of Claude Code have spooled, and makes invocations of it."""

from __future__ import annotations

import fcntl
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import IO

import anyio
from anyio import to_thread

from session_buddy_skills import spool
from session_buddy_skills.capture.sessions import LiveSession, wrong_with
from session_buddy_skills.capture.suggesting import record_outcome
from session_buddy_skills.claude_code.ordering import Event
from session_buddy_skills.claude_code.suggestions import Suggested
from session_buddy_skills.errors import InputError, StorageError
from session_buddy_skills.service import Service
from session_buddy_skills.spooling import SECONDS_BETWEEN, FolderIntake, logger
from session_buddy_skills.storage.threads import Threads

KEPT_SECONDS = 30 * 86_400
"""How long the events of a session are kept after the newest: it may be resumed."""
CLEANED_SECONDS = 86_400
"""How often those of long ago are forgotten."""


class EventIntake(FolderIntake):
    """Sorts events by their sessions and has each session told anew, whenever there is news."""

    what = "what hooks told:"

    def __init__(self, service: Service, folder: Path) -> None:
        super().__init__(service, folder)
        self._journals = folder / "sessions"
        self._thread = Threads(1)
        self._sessions: dict[str, LiveSession] = {}
        self._recorded: set[Suggested] = set()
        self._last = time.monotonic()
        self._clean_at = time.monotonic()

    @property
    def idle_seconds(self) -> float:
        """How long ago the last event came."""
        return time.monotonic() - self._last

    async def run(self) -> None:
        """Take in what is there and what comes, until cancelled; after any other that does."""
        # Not in a thread: who is cancelled meanwhile would leave the lock behind.
        while (lock := self._locked()) is None:  # noqa: ASYNC110
            await anyio.sleep(SECONDS_BETWEEN)
        with lock, closing(self._thread):
            await super().run()

    def _locked(self) -> IO[str] | None:
        """The lock on the folder, unless another process has it.

        A session is told from all of its events, so one process has to have them all.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (self._folder / "lock").open("a")
        except OSError as error:
            self._told = set(self._reasons)
            with self._telling(str(self._folder)):
                raise error
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        return lock

    async def _take_in_one(self, path: Path) -> int:
        self._last = time.monotonic()
        found = await to_thread.run_sync(spool.objects, path)
        rejected = found.unreadable
        by_session: dict[str, list[Event]] = defaultdict(list)
        for event in found.records:
            if reason := wrong_with(event):
                rejected.append((json.dumps(event).encode(), reason))
            else:
                by_session[event["session_id"]].append(event)
        # First: what could not be set aside is taken in again, and with it all else of the file.
        await self._set_aside(path, rejected)
        told = [
            (self._sessions.get(session_id) or await self._open(session_id), events)
            for session_id, events in by_session.items()
        ]
        # To its end, even when cancelled: nothing is added and left as well.
        await self._thread.run(partial(_move, path, told))
        for session, events in told:
            if any(event.get("hook_event_name") == "SessionStart" for event in events):
                for other in self._sessions.values():
                    if other is not session and other.folder == session.folder:
                        other.look_again()
        return 0

    async def _after(self) -> int:
        """Record what is new of each session."""
        if self._clean_at <= time.monotonic():
            self._clean_at = time.monotonic() + CLEANED_SECONDS
            await self._go_on()
        changed = 0
        for session in list(self._sessions.values()):
            with self._telling(f"session {session.session_id}"):
                if session.is_due():
                    changed += await self._record(session)
                elif session.is_over:
                    await to_thread.run_sync(session.close)
                    del self._sessions[session.session_id]
        return changed

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
                    await self._record_suggested(session.session_id, found)
                    self._recorded.add(found)
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

    async def _go_on(self) -> None:
        """Go on with sessions that were not told to their end; forget those of long ago."""
        paths = await to_thread.run_sync(lambda: sorted(self._journals.glob("*.jsonl")))
        for path in paths:
            with self._telling(str(path)):
                session_id = await to_thread.run_sync(_unfinished, path)
                if session_id is not None and session_id not in self._sessions:
                    await self._open(session_id)


def _move(path: Path, told: Sequence[tuple[LiveSession, Sequence[Event]]]) -> None:
    """Add what a file tells to the sessions that it tells of, and remove it."""
    for session, events in told:
        session.add(events)
    spool.remove(path)


def _unfinished(path: Path) -> str | None:
    """The session that a file of events is of, unless all of it is told; an old one goes."""
    done = path.with_suffix(".done")
    if time.time() - path.stat().st_mtime > KEPT_SECONDS:
        path.unlink(missing_ok=True)
        done.unlink(missing_ok=True)
        return None
    if done.exists():
        return None
    events = (one for one in spool.objects(path).records if wrong_with(one) is None)
    return next((str(one["session_id"]) for one in events), None)

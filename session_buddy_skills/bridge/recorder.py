"""What the bridge's faces share: starts and ends become records, questions get answers in time."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from session_buddy_skills import spool
from session_buddy_skills.bridge.breaker import Breaker, State
from session_buddy_skills.bridge.channels import DEFAULT_URL, Backend, Channel, McpChannel, connect
from session_buddy_skills.bridge.outbox import Outbox, before_the_end, in_child
from session_buddy_skills.bridge.runs import Run, check_types
from session_buddy_skills.errors import InputError, SkillsError
from session_buddy_skills.locations import locations
from session_buddy_skills.spool import Record

BACKENDS = ("mcp", "direct", "auto", "off")
DEADLINE = 0.25
"""Seconds that a recommendation may take."""
HEALTH_SECONDS = 1.0
UNREACHABLE = "server_unreachable"
OFF = "tracking_is_off"


@dataclass(frozen=True, slots=True)
class Status:
    """How a bridge stands."""

    backend: str
    """What was asked for and, once it is known, what it came to: `auto (mcp)`."""
    connected: bool
    """Whether the last delivery or question was answered."""
    breaker: State
    queued: int
    """Invocations that wait in memory."""
    spooled: int
    """Invocations in the spool, of this program and of others."""
    delivered: int
    rejected: int
    """Set aside, since they cannot be stored; see `rejected` in the spool."""
    lost: int
    """Refused, since neither server nor disk took any and memory was full."""
    last_error: str | None


class Recorder:
    """Takes starts and ends, and asks; never waits for more than a deadline, and never raises.

    Except at once where the call itself is wrong: an argument of a wrong type.
    """

    def __init__(
        self,
        backend: Backend = "mcp",
        *,
        url: str = DEFAULT_URL,
        database: str | Path | None = None,
        data_dir: Path | None = None,
    ) -> None:
        if backend not in BACKENDS:
            raise InputError(f"backend must be one of {', '.join(BACKENDS)}, not {backend!r}.")
        self.backend = backend
        self.locations = locations(database, data_dir)
        self.open_runs: set[Run] = set()
        self.started = 0
        """Runs so far."""
        self._url = url
        self._channel: Channel | None = McpChannel(url) if backend == "mcp" else None
        self._connecting = threading.Lock()
        self._breaker = Breaker()
        self._answered = False
        self._outbox = Outbox(self._send, self.locations.spool, self._breaker)
        _RECORDERS.add(self)

    def start(
        self,
        skill_name: str,
        *,
        session_id: str,
        user_query: str | None = None,
        alternatives_considered: Sequence[str] | None = None,
        selection_rank: int | None = None,
        recommendation_id: UUID | str | None = None,
        workflow_path: str | None = None,
        workflow_phase: str | None = None,
        workflow_step_id: str | None = None,
        project: str | None = None,
        user: str | None = None,
        source: str | None = None,
    ) -> Run:
        """A use of a skill starts now.

        Raises:
            TypeError: an argument is of a wrong type.
        """
        fields = {
            "skill_name": skill_name,
            "session_id": session_id,
            "user_query": user_query,
            "alternatives_considered": alternatives_considered,
            "selection_rank": selection_rank,
            "recommendation_id": None if recommendation_id is None else str(recommendation_id),
            "workflow_path": workflow_path,
            "workflow_phase": workflow_phase,
            "workflow_step_id": workflow_step_id,
            "project": project,
            "user": user,
            "source": source,
        }
        check_types(fields)
        self.started += 1
        run = Run(self, fields)
        self.open_runs.add(run)
        self.put(run)
        return run

    def put(self, run: Run) -> None:
        """Deliver what is known of a run, unless tracking is off."""
        if self.backend != "off":
            self._outbox.put(run)

    def ask(self, tool: str, arguments: dict[str, Any], seconds: float) -> tuple[Any, str | None]:
        """What a tool answers, or None and the reason; after so many seconds at the latest."""
        if self.backend == "off":
            return None, OFF
        if self._channel is None or not self._breaker.allows():
            return None, UNREACHABLE
        try:
            answer = self._channel.ask(tool, arguments, seconds)
        except InputError as error:
            self._breaker.succeeded()
            return None, str(error)
        except SkillsError as error:
            self._answered = False
            self._outbox.counts.last_error = str(error)
            self._breaker.failed()
            return None, UNREACHABLE
        self._breaker.succeeded()
        self._answered = True
        return answer, None

    def status(self) -> Status:
        """How the bridge stands."""
        counts = self._outbox.counts
        came_to = self._channel.name if self._channel else None
        known = came_to is None or came_to == self.backend
        return Status(
            backend=self.backend if known else f"{self.backend} ({came_to})",
            connected=self.connected,
            breaker=self._breaker.state,
            queued=self._outbox.queued,
            spooled=_lines(self.locations.spool),
            delivered=counts.delivered,
            rejected=counts.rejected,
            lost=counts.lost,
            last_error=counts.last_error,
        )

    @property
    def connected(self) -> bool:
        """Whether the last delivery or question was answered."""
        return self._answered and self._breaker.state == "closed"

    @property
    def enabled(self) -> bool:
        """Whether what is recorded goes anywhere: to a server, a database, or the spool."""
        return self.backend != "off" and (self.connected or self._outbox.can_spool)

    def close(self, seconds: float = 1.0) -> None:
        """End the session: runs without an end become unknown; the rest goes out or is spooled."""
        self.lapse_runs()
        self._outbox.flush(seconds)
        if self._channel is not None:
            self._channel.close()
            self._channel = McpChannel(self._url) if self.backend == "mcp" else None

    def lapse_runs(self) -> None:
        """Nobody will say how runs ended that are still open."""
        for run in list(self.open_runs):
            run.lapse()

    def _send(self, records: Sequence[Record]) -> None:
        try:
            with self._connecting:
                if self._channel is None:
                    self._channel = connect(self.backend, self._url, self.locations)
            self._channel.record(records)
        except InputError:
            raise
        except SkillsError:
            self._answered = False
            raise
        self._answered = True


def _lines(folder: Path) -> int:
    try:
        return sum(len(spool.read(path).records) for path in spool.waiting(folder))
    except OSError:
        return 0


_RECORDERS: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _lapse_all() -> None:
    for recorder in list(_RECORDERS):
        recorder.lapse_runs()


def _forget_open_runs() -> None:
    """Runs that the parent of a fork has started are the parent's to end."""
    for recorder in list(_RECORDERS):
        recorder.open_runs.clear()


before_the_end(_lapse_all)
in_child(_forget_open_runs)

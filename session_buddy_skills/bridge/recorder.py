"""What the bridge's faces share: starts and ends become records, questions get answers in time."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from session_buddy_skills import spool
from session_buddy_skills.bridge.breaker import State
from session_buddy_skills.bridge.channels import Backend
from session_buddy_skills.bridge.ending import forget, watch
from session_buddy_skills.bridge.fields import START, check_setup, given
from session_buddy_skills.bridge.link import Link
from session_buddy_skills.bridge.outbox import Outbox
from session_buddy_skills.bridge.runs import Run
from session_buddy_skills.errors import InputError
from session_buddy_skills.locations import locations

BACKENDS = ("mcp", "direct", "auto", "off")
DEADLINE = 0.25
"""Seconds that a recommendation may take."""
CLOSE_SECONDS = 1.0
"""Seconds that delivering may take at the end of a session; the rest is spooled."""
OPEN_MOST = 10_000
"""Runs whose end is waited for; of more, the oldest stay pending where nobody tells their end."""
OFF = "tracking_is_off"


class Status(NamedTuple):
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
    """Starts and ends that were taken; those that went together count once."""
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
        url: str | None = None,
        database: str | Path | None = None,
        data_dir: Path | None = None,
    ) -> None:
        if backend not in BACKENDS:
            raise InputError(f"backend must be one of {', '.join(BACKENDS)}, not {backend!r}.")
        check_setup(url=url, database=database, data_dir=data_dir)
        self.locations = locations(database, data_dir)
        self.off = backend == "off"
        self.no_run = Run(self, {}, end={})
        """What every start gives while tracking is off: a run that has ended."""
        self._link = Link(backend, url, self.locations)
        self._outbox = Outbox(self._link, self)
        self._open_runs: dict[Run, None] = {}
        self._watched = False
        self._watch()

    def start(self, fields: dict[str, Any]) -> Run:
        """A use of a skill starts now; `fields` are those of `track_invocation`.

        Among them `skill_name` and `session_id`, without which the server refuses the run.

        Raises:
            TypeError: there is no such field, or it is of a wrong type.
        """
        told = given(fields, START)
        if self.off:
            return self.no_run
        run = Run(self, told)
        if not self._watched:
            self._watch()
        self._open_runs[run] = None
        if len(self._open_runs) > OPEN_MOST:
            self._open_runs.pop(next(iter(self._open_runs)), None)
        self._outbox.put(run)
        return run

    def _watch(self) -> None:
        """Have the end of the program end this, from the first moment on, and after a `close`."""
        if not self.off:
            watch(self)
            self._watched = True

    def ended(self, run: Run) -> None:
        """It was said how the run ended: deliver what is known of it."""
        self._open_runs.pop(run, None)
        self._outbox.put(run)

    def ask(self, tool: str, arguments: dict[str, Any], seconds: float) -> tuple[Any, str | None]:
        """What a tool answers, or None and the reason; after so many seconds at the latest.

        Raises:
            TypeError: an argument cannot be sent.
        """
        if self.off:
            return None, OFF
        return self._link.ask(tool, arguments, seconds)

    def status(self) -> Status:
        """How the bridge stands; the spool is read for it."""
        counts = self._outbox.delivery.counts
        return Status(
            backend=self._link.name,
            connected=self.connected,
            breaker=self._link.breaker.state,
            queued=self._outbox.queued,
            spooled=_lines(self._link.spool),
            delivered=counts.delivered,
            rejected=counts.rejected,
            lost=counts.lost,
            last_error=counts.last_error or self._link.last_error,
        )

    @property
    def name(self) -> str:
        """The backend that was asked for, and what it came to."""
        return self._link.name

    @property
    def connected(self) -> bool:
        """Whether the last delivery or question was answered."""
        return self._link.connected

    @property
    def enabled(self) -> bool:
        """Whether what is recorded goes anywhere: to a server, a database, or the spool."""
        return not self.off and (self.connected or self._outbox.delivery.can_spool)

    @property
    def expects_more(self) -> bool:
        """Whether there are runs whose end was not told yet."""
        return bool(self._open_runs)

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """End the session: runs without an end become unknown; the rest goes out or is spooled."""
        self.begin_to_end()
        self.end(seconds)
        forget(self)
        self._watched = False

    def begin_to_end(self) -> None:
        """Nobody will say how runs ended that are still open; deliver what waits."""
        self.lapse_runs()
        self._outbox.begin_to_end()

    def end(self, seconds: float) -> None:
        """Wait so long for that at most; the rest is spooled."""
        self._outbox.end(seconds)
        self._link.close()

    def begin_anew(self) -> None:
        """This is the child of a fork: what waits, and what is open, is the parent's."""
        self._open_runs.clear()
        self._link.begin_anew()
        self._outbox.begin_anew()

    def lapse_runs(self) -> None:
        """Nobody will say how runs ended that are still open."""
        for run in list(self._open_runs):
            run.lapse()


def _lines(folder: Path) -> int:
    try:
        return sum(len(spool.read(path).records) for path in spool.waiting(folder))
    except OSError:
        return 0

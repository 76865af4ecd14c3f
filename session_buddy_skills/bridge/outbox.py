"""What is to be delivered: a bounded queue, and a thread that delivers or spools it.

Whoever records appends to the queue and goes on. The thread takes what is there, keeps only the
newest of each invocation, and sends it; what cannot be sent goes into the spool, and is sent when
the server is back, by this thread or by the server itself. Records are whole and carry ids, so
nothing counts twice, however often it is sent.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import signal
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Protocol

from session_buddy_skills import spool
from session_buddy_skills.bridge.breaker import Breaker, State
from session_buddy_skills.errors import InputError, SkillsError
from session_buddy_skills.spool import Record

logger = logging.getLogger(__name__)
Send = Callable[[Sequence[Record]], None]

AT_ONCE = 500
"""Most records in one delivery."""
QUEUED_MOST = 30_000
"""Starts and ends that wait in memory, some 20 MB; at more, the caller writes them to the spool."""
HELD_MOST = 4 * QUEUED_MOST
"""What is held where the spool takes none either; more are refused, and counted."""
LINGER = 0.1
"""Seconds that are waited for more, so that one delivery carries many: each costs the program a
fraction of a millisecond, and waking the thread for it costs the caller some 40 microseconds."""
RETRY_SECONDS = 1.0
"""After which a spool that could not be written is tried again."""
EXIT_SECONDS = 1.0
"""What delivering may take while the program ends; the rest is spooled."""


class Pending(Protocol):
    """Something to deliver."""

    def record(self) -> Record:
        """What is known of it now; all of it, so that a later one stands in place of an earlier."""


@dataclass(slots=True)
class Delivered:
    """What became of the records so far."""

    delivered: int = 0
    spooled: int = 0
    rejected: int = 0
    lost: int = 0
    last_error: str | None = None


class Outbox:
    """Takes records without ever waiting, and delivers them in the background."""

    def __init__(self, send: Send, folder: Path, breaker: Breaker) -> None:
        self._send = send
        self._folder = folder
        self._breaker = breaker
        self.counts = Delivered()
        self._queue: deque[Pending] = deque()
        self._in_flight: list[Pending] = []
        self._look_at_spool = True
        self.can_spool = True
        self._forget_threads()
        _OUTBOXES.add(self)
        _hear_of_the_end()

    def put(self, pending: Pending) -> None:
        """Deliver the record of this some time."""
        if len(self._queue) >= QUEUED_MOST and not self._make_room():
            return
        self._queue.append(pending)
        if self._thread is None:
            self._start()
        if not self._wake.is_set():
            self._wake.set()

    @property
    def queued(self) -> int:
        """Records that wait in memory."""
        return len(self._queue) + len(self._in_flight)

    @property
    def breaker(self) -> State:
        """How the breaker stands."""
        return self._breaker.state

    def flush(self, seconds: float) -> None:
        """Deliver what is there, for so long at most; the rest is spooled."""
        thread = self._thread
        if thread is not None:
            self._ending.set()
            self._wake.set()
            thread.join(seconds)
        # Of a thread that still waits for an answer it is not known whether its records arrived.
        rest = list(dict.fromkeys([*self._in_flight, *self._queue]))
        self._queue.clear()
        if rest and not self._spool(rest):
            logger.error("%d invocations are lost: %s", len(rest), self.counts.last_error)
            self.counts.lost += len(rest)
        self._forget_threads()

    def after_fork(self) -> None:
        """Begin anew in a child: what waits is the parent's to deliver."""
        self._queue.clear()
        self._in_flight = []
        self._forget_threads()

    def _forget_threads(self) -> None:
        self._lock = threading.RLock()
        self._wake, self._ending = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._spool_fails = threading.Event()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work,
                    args=(self._wake, self._ending),
                    name="session-buddy-skills bridge",
                    daemon=True,
                )
                self._thread.start()

    def _make_room(self) -> bool:
        """Spool what waits; False where there is no room left at all."""
        with self._lock:
            if len(self._queue) < QUEUED_MOST:
                return True
            if not self._spool_fails.is_set():
                waiting = self._take(len(self._queue))
                if self._spool(waiting):
                    return True
                self._queue.extendleft(reversed(waiting))
            if len(self._queue) < HELD_MOST:
                return True
            if not self.counts.lost:
                logger.error("invocations are lost: %s", self.counts.last_error)
            self.counts.lost += 1
            return False

    def _work(self, wake: threading.Event, ending: threading.Event) -> None:
        while True:
            wake.wait(self._seconds_to_wait())
            ending.wait(LINGER)
            wake.clear()
            while self._queue and not (self._spool_fails.is_set() and self.breaker == "open"):
                self._deliver_some()
            if self._look_at_spool and self.breaker != "open":
                self._deliver_spool()
            if ending.is_set():
                return
            if self._spool_fails.is_set():
                ending.wait(RETRY_SECONDS)
                self._spool_fails.clear()

    def _seconds_to_wait(self) -> float | None:
        if self._queue:
            return 0.0
        return max(self._breaker.seconds_left, LINGER) if self._look_at_spool else None

    def _deliver_some(self) -> None:
        self._in_flight = self._take(min(AT_ONCE, len(self._queue)))
        records = [one.record() for one in self._in_flight]
        if not self._sent(records) and not self._spool(self._in_flight):
            self._queue.extendleft(reversed(self._in_flight))
        self._in_flight = []

    def _take(self, count: int) -> list[Pending]:
        """The next of the queue; what is there twice, for its start and its end, once."""
        return list(dict.fromkeys(self._queue.popleft() for _ in range(count)))

    def _sent(self, records: Sequence[Record]) -> bool:
        """Whether the server has these; what it refuses is set aside, and counts as sent."""
        if not self._breaker.allows():
            return False
        try:
            self._send_or_reject(records)
        except Exception as error:
            self.counts.last_error = str(error)
            if not isinstance(error, SkillsError):
                logger.exception("delivering failed")
            self._breaker.failed()
            self._look_at_spool = True
            return False
        self._breaker.succeeded()
        return True

    def _send_or_reject(self, records: Sequence[Record]) -> None:
        try:
            self._send(records)
            self.counts.delivered += len(records)
        except InputError as error:
            if len(records) > 1:
                half = len(records) // 2
                self._send_or_reject(records[:half])
                self._send_or_reject(records[half:])
                return
            self.counts.rejected += 1
            self.counts.last_error = str(error)
            logger.error("an invocation was refused: %s", error)
            spool.reject(self._folder, [(json.dumps(records[0]).encode(), str(error))])

    def _spool(self, waiting: Sequence[Pending]) -> bool:
        """Whether these are in the spool."""
        try:
            spool.put(self._folder, [one.record() for one in waiting])
        except OSError as error:
            self.counts.last_error = f"the spool {self._folder} cannot be written: {error.strerror}"
            self._spool_fails.set()
            self.can_spool = False
            return False
        self.can_spool = True
        self.counts.spooled += len(waiting)
        self._look_at_spool = True
        return True

    def _deliver_spool(self) -> None:
        """Send what is in the spool, this program's and what others left."""
        try:
            for path in spool.waiting(self._folder):
                found = spool.read(path)
                for first in range(0, len(found.records), AT_ONCE):
                    if not self._sent(found.records[first : first + AT_ONCE]):
                        return
                if found.unreadable:
                    spool.reject(self._folder, found.unreadable)
                spool.remove(path)
        except OSError as error:
            self.counts.last_error = f"the spool {self._folder} cannot be read: {error.strerror}"
        self._look_at_spool = False


_OUTBOXES: weakref.WeakSet[Outbox] = weakref.WeakSet()
_at_end: list[Callable[[], None]] = []
_in_child: list[Callable[[], None]] = []


def before_the_end(work: Callable[[], None]) -> None:
    """Have this done when the program ends, before what waits is delivered."""
    _at_end.append(work)


def in_child(work: Callable[[], None]) -> None:
    """Have this done in the child of a fork."""
    _in_child.append(work)


def _end() -> None:
    for work in _at_end:
        work()
    for outbox in list(_OUTBOXES):
        outbox.flush(EXIT_SECONDS)


def _end_by_signal(number: int, _frame: FrameType | None) -> None:
    _end()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _after_fork() -> None:
    for work in _in_child:
        work()
    for outbox in list(_OUTBOXES):
        outbox.after_fork()


def _hear_of_the_end() -> None:
    """Python runs nothing at SIGTERM, unless the program has said what."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end_by_signal)


atexit.register(_end)
os.register_at_fork(after_in_child=_after_fork)

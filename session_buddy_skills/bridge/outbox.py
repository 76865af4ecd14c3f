"""What is to be delivered: a bounded queue, and a thread that delivers or spools it.

Whoever records appends to the queue and goes on. The thread takes what is there, keeps only the
newest of each invocation, and sends it; what cannot be sent goes into the spool, and is sent when
the server is back, by this thread or by the server itself. Records are whole and carry ids, so
nothing counts twice, however often it is sent.

A signal's handler may run between any two steps of the main thread and use all of this, so whoever
records takes no lock on the way, but where a thread is started or the queue is full.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from session_buddy_skills import spool
from session_buddy_skills.bridge.ending import hear_of_the_end
from session_buddy_skills.bridge.link import Link
from session_buddy_skills.bridge.worker import Worker
from session_buddy_skills.errors import InputError, SkillsError
from session_buddy_skills.spool import Record

logger = logging.getLogger(__name__)

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
IDLE_SECONDS = 10.0
"""After which a thread without work ends; the next record starts another."""


class Pending(Protocol):
    """Something to deliver."""

    def record(self) -> Record:
        """What is known of it now; all of it, so that a later one stands in place of an earlier."""


Batch = dict[Pending, None]
"""A set that keeps its order."""


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

    def __init__(self, link: Link) -> None:
        self._link = link
        self._folder = link.spool
        self.counts = Delivered()
        self.can_spool = True
        self.begin_anew()

    def begin_anew(self) -> None:
        """With nothing that waits, and no thread."""
        self._queue: deque[Pending] = deque()
        self._out: dict[int, Batch] = {}
        """What was taken from the queue and is not yet anywhere else, by its identity."""
        self._look_at_spool = True
        self._spool_fails = False
        self._lock = threading.RLock()
        self._worker: Worker | None = None

    def put(self, pending: Pending) -> None:
        """Deliver the record of this some time."""
        if len(self._queue) >= QUEUED_MOST and not self._make_room():
            return
        self._queue.append(pending)
        worker = self._worker or self._start()
        if worker is not None and not worker.awake:
            worker.wake()

    @property
    def queued(self) -> int:
        """Records that wait in memory."""
        return len(self._queue) + sum(map(len, list(self._out.values())))

    def begin_to_end(self) -> None:
        """Deliver what is there at once, and then no more."""
        if (worker := self._worker) is not None:
            worker.ending = True
            worker.wake()

    def end(self, seconds: float) -> None:
        """Wait so long at most until what is there is delivered; the rest is spooled."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.thread.join(seconds)
        # Of a thread that still waits for an answer it is not known whether its records arrived.
        waiting = {one: None for batch in list(self._out.values()) for one in list(batch)}
        with self._taken(len(self._queue)) as rest:
            waiting |= rest
            if waiting and not self._spool(waiting):
                logger.error("%d invocations are lost: %s", len(waiting), self.counts.last_error)
                self.counts.lost += len(waiting)

    def _start(self) -> Worker | None:
        with self._lock:
            if self._worker is not None:
                return self._worker
            worker = Worker(self._work)
            try:
                worker.thread.start()
            except RuntimeError as error:  # no more threads; the queue is spooled when it is full
                self.counts.last_error = str(error)
                return None
            hear_of_the_end()
            self._worker = worker
            return worker

    def _make_room(self) -> bool:
        """Spool what waits; False where there is no room left at all."""
        with self._lock:
            if len(self._queue) < QUEUED_MOST:
                return True
            if not self._spool_fails:
                with self._taken(len(self._queue)) as batch:
                    if self._spool(batch):
                        return True
                    self._queue.extendleft(reversed(batch))
            if len(self._queue) < HELD_MOST:
                return True
            if not self.counts.lost:
                logger.error("invocations are lost: %s", self.counts.last_error)
            self.counts.lost += 1
            return False

    @contextmanager
    def _taken(self, count: int) -> Iterator[Batch]:
        """The next of the queue; what is there twice, for its start and its end, once.

        Others may take at the same time: who comes too late gets fewer.
        """
        batch: Batch = {}
        self._out[id(batch)] = batch
        with suppress(IndexError):
            for _ in range(count):
                batch[self._queue.popleft()] = None
        yield batch
        self._out.pop(id(batch), None)

    def _work(self, worker: Worker) -> None:
        while True:
            woken = worker.wait(self._seconds_to_wait())
            if not worker.ending:
                worker.wait(LINGER)
            worker.awake = False
            try:
                self._deliver()
            except Exception:  # a fault of ours; what was taken is in `_out`, and goes back
                logger.exception("delivering failed")
                self._take_back()
            if worker.ending or not (woken or self._has_work or self._stay(worker)):
                return
            if self._spool_fails:
                worker.wait(RETRY_SECONDS)
                self._spool_fails = False

    @property
    def _has_work(self) -> bool:
        return bool(self._queue) or self._look_at_spool

    def _stay(self, worker: Worker) -> bool:
        """Whether there is work after all, now that whoever records would start another."""
        with self._lock:
            if self._worker is worker:
                self._worker = None
            if self._queue and self._worker is None:
                self._worker = worker
            return self._worker is worker

    def _take_back(self) -> None:
        for identity, batch in list(self._out.items()):
            self._queue.extendleft(reversed(batch))
            self._out.pop(identity, None)
        self._link.breaker.failed()

    def _seconds_to_wait(self) -> float:
        if self._queue:
            return 0.0
        return max(self._link.breaker.seconds_left, LINGER) if self._look_at_spool else IDLE_SECONDS

    def _deliver(self) -> None:
        while self._queue and not (self._spool_fails and self._link.breaker.state == "open"):
            with self._taken(AT_ONCE) as batch:
                if not self._sent([one.record() for one in batch]) and not self._spool(batch):
                    self._queue.extendleft(reversed(batch))
        if self._look_at_spool and self._link.breaker.state != "open":
            self._deliver_spool()

    def _sent(self, records: Sequence[Record]) -> bool:
        """Whether the server has these; what it refuses is set aside, and counts as sent."""
        if not self._link.breaker.allows():
            return False
        try:
            self._send_or_reject(records)
        except SkillsError as error:
            self._failed(error)
            return False
        self._link.breaker.succeeded()
        return True

    def _failed(self, error: SkillsError) -> None:
        self.counts.last_error = str(error)
        self._link.breaker.failed()
        self._look_at_spool = True

    def _send_or_reject(self, records: Sequence[Record]) -> None:
        try:
            self._link.send(records)
            self.counts.delivered += len(records)
        except InputError as error:
            if len(records) > 1:
                half = len(records) // 2
                self._send_or_reject(records[:half])
                self._send_or_reject(records[half:])
                return
            self.counts.last_error = str(error)
            self._set_aside([(json.dumps(records[0]).encode(), str(error))])

    def _set_aside(self, lines: Sequence[tuple[bytes, str]]) -> None:
        self.counts.rejected += len(lines)
        logger.error("%d invocations are set aside, as %s", len(lines), lines[0][1])
        try:
            spool.reject(self._folder, lines)
        except OSError as error:
            # Nobody takes them, and they must not hold up the others.
            logger.error("what was set aside is lost: %s: %s", error.strerror, lines)
            self.counts.lost += len(lines)

    def _spool(self, batch: Batch) -> bool:
        """Whether these are in the spool."""
        try:
            spool.put(self._folder, [one.record() for one in batch])
        except OSError as error:
            self.counts.last_error = f"the spool {self._folder} cannot be written: {error.strerror}"
            self._spool_fails = True
            self.can_spool = False
            return False
        self.can_spool = True
        self.counts.spooled += len(batch)
        self._look_at_spool = True
        return True

    def _deliver_spool(self) -> None:
        """Send what is in the spool, this program's and what others left."""
        self._look_at_spool = False
        try:
            if not self._link.takes_the_spool():
                return
            for path in spool.waiting(self._folder):
                found = spool.read(path)
                for first in range(0, len(found.records), AT_ONCE):
                    if not self._sent(found.records[first : first + AT_ONCE]):
                        return
                if found.unreadable:
                    self._set_aside(found.unreadable)
                spool.remove(path)
        except SkillsError as error:
            self._failed(error)
        except OSError as error:
            self.counts.last_error = f"the spool {self._folder} cannot be read: {error.strerror}"

"""What is to be delivered: a bounded queue, and a thread that delivers or spools it.

Whoever records appends to the queue and goes on. The thread takes what is there, keeps only the
newest of each invocation, and sends it; what cannot be sent goes into the spool, and is sent when
the server is back, by this thread or by the server itself. Records are whole and carry ids, so
nothing counts twice, however often it is sent.

A signal's handler may run between any two steps of the main thread and use all of this, so whoever
records takes no lock on the way, but where a thread is started or the queue is full.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from session_buddy_skills.bridge.delivery import AT_ONCE, Delivery
from session_buddy_skills.bridge.ending import hear_of_the_end, is_over
from session_buddy_skills.bridge.link import Link
from session_buddy_skills.bridge.worker import Worker
from session_buddy_skills.spool import Record

logger = logging.getLogger(__name__)

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


class Owner(Protocol):
    """Whose records these are."""

    @property
    def expects_more(self) -> bool:
        """Whether there is something whose end is to be told, by the end of the program at last."""


Batch = dict[Pending, None]
"""A set that keeps its order."""


class Outbox:
    """Takes records without ever waiting, and delivers them in the background."""

    def __init__(self, link: Link, owner: Owner) -> None:
        self.delivery = Delivery(link)
        self._owner = owner
        """Held by the thread, through this, for as long as it has work, or expects some."""
        self.begin_anew()

    def begin_anew(self) -> None:
        """With nothing that waits, and no thread."""
        self._queue: deque[Pending] = deque()
        self._out: dict[int, Batch] = {}
        """What was taken from the queue and is not yet anywhere else, by its identity."""
        self.delivery.begin_anew()
        self._lock = threading.RLock()
        self._worker: Worker | None = None

    def put(self, pending: Pending) -> None:
        """Deliver the record of this some time."""
        if len(self._queue) >= QUEUED_MOST and not self._make_room():
            return
        self._queue.append(pending)
        if is_over():
            self._keep({})
            return
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
        self._keep({one: None for batch in list(self._out.values()) for one in list(batch)})

    def _keep(self, waiting: Batch) -> None:
        """Spool these and the queue, for which there is no later."""
        with self._taken(len(self._queue)) as rest:
            waiting |= rest
            if waiting and not self._spooled(waiting):
                counts = self.delivery.counts
                logger.error("%d invocations are lost: %s", len(waiting), counts.last_error)
                counts.lost += len(waiting)

    def _start(self) -> Worker | None:
        with self._lock:
            if self._worker is not None:
                return self._worker
            worker = Worker(self._work)
            try:
                worker.thread.start()
            except RuntimeError as error:  # no more threads; the queue is spooled when it is full
                self.delivery.counts.last_error = str(error)
                return None
            hear_of_the_end()
            self._worker = worker
            return worker

    def _make_room(self) -> bool:
        """Spool what waits; False where there is no room left at all."""
        with self._lock:
            if len(self._queue) < QUEUED_MOST:
                return True
            if not self.delivery.spool_fails:
                with self._taken(AT_ONCE) as batch:  # the caller waits for it
                    if self._spooled(batch):
                        return True
                    self._queue.extendleft(reversed(batch))
            if len(self._queue) < HELD_MOST:
                return True
            counts = self.delivery.counts
            if not counts.lost:
                logger.error("invocations are lost: %s", counts.last_error)
            counts.lost += 1
            return False

    def _spooled(self, batch: Batch) -> bool:
        return self.delivery.spooled([one.record() for one in batch])

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
                self.delivery.leave_alone()  # or it would fail again at once
            if worker.ending:
                # What came while the spool was sent goes out as well.
                if not self._queue or self.delivery.spool_fails:
                    return
            elif not (woken or self._has_work or self._owner.expects_more or self._stay(worker)):
                return
            if self.delivery.spool_fails:
                worker.wait(RETRY_SECONDS)
                self.delivery.spool_fails = False

    @property
    def _has_work(self) -> bool:
        return bool(self._queue) or self.delivery.look_at_spool

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

    def _seconds_to_wait(self) -> float:
        if self._queue:
            return 0.0
        if self.delivery.look_at_spool:
            return max(self.delivery.seconds_to_wait, LINGER)
        return IDLE_SECONDS

    def _deliver(self) -> None:
        delivery = self.delivery
        while self._queue and not (delivery.spool_fails and delivery.is_left_alone):
            with self._taken(AT_ONCE) as batch:
                records = [one.record() for one in batch]
                if not delivery.sent(records) and not delivery.spooled(records):
                    self._queue.extendleft(reversed(batch))
        if delivery.look_at_spool and not delivery.is_left_alone:
            delivery.send_spool()

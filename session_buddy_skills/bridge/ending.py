"""The end of the program, and forks: what waits is delivered or spooled, and by one process alone.

At exit Python runs what `atexit` knows. A child of `multiprocessing` leaves without that, and runs
its finalizers. At SIGTERM Python runs nothing, so a handler is set, where the program has none of
its own: one that it has must end the program as usual. Only the main thread may set one, and nearly
always it is that which imports this, whatever thread makes a recorder later.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol
from weakref import WeakValueDictionary

logger = logging.getLogger(__name__)
EXIT_SECONDS = 1.0
"""What delivering may take while the program ends, all recorders together."""


class Ending(Protocol):
    """Something that has work left when the program ends."""

    def begin_to_end(self) -> None:
        """Deliver what waits, without waiting for it."""

    def end(self, seconds: float) -> None:
        """Wait so long for that at most, and keep the rest elsewhere."""

    def begin_anew(self) -> None:
        """This is the child of a fork: what waits is the parent's."""


_known: WeakValueDictionary[int, Ending] = WeakValueDictionary()
"""Those with work to do are held by the thread that does it."""
_finalized: set[int] = set()
"""Processes whose finalizers know of this."""
_over = False


def is_over() -> bool:
    """Whether the program has ended what is watched: for what comes now nobody waits."""
    return _over


def watch(one: Ending) -> None:
    """Have it end with the program."""
    _known[id(one)] = one
    hear_of_the_end()


def forget(one: Ending) -> None:
    """It has ended already."""
    _known.pop(id(one), None)


def hear_of_the_end() -> None:
    """Have signals and finalizers of this process end what is watched."""
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    ):
        signal.signal(signal.SIGTERM, _end_by_signal)
    multiprocessing = sys.modules.get("multiprocessing.util")
    if multiprocessing is not None and os.getpid() not in _finalized:
        _finalized.add(os.getpid())
        multiprocessing.Finalize(None, _end, exitpriority=0)


def _end() -> None:
    global _over
    _over = True
    until = time.monotonic() + EXIT_SECONDS
    ending = list(_known.values())
    for one in ending:
        with _the_others_must_not_suffer():
            one.begin_to_end()
    for one in ending:
        with _the_others_must_not_suffer():
            one.end(max(0.0, until - time.monotonic()))


@contextmanager
def _the_others_must_not_suffer() -> Iterator[None]:
    try:
        yield
    except Exception:
        logger.exception("what waited may be lost")


def _end_by_signal(number: int, _frame: FrameType | None) -> None:
    _end()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _begin_anew() -> None:
    global _over
    _over = False
    for one in list(_known.values()):
        one.begin_anew()


atexit.register(_end)
os.register_at_fork(after_in_child=_begin_anew)
hear_of_the_end()

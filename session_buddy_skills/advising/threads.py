"""Blocking work of the background and of requests, in threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import to_thread

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """What the work answers, which blocks."""
    return await to_thread.run_sync(work)

"""Blocking work of the background and of requests, in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from session_buddy_skills.storage.threads import yield_to_others

T = TypeVar("T")

_background = ThreadPoolExecutor(2, "background", initializer=yield_to_others)


async def in_thread(work: Callable[[], T]) -> T:
    """What the work answers, which blocks.

    It crosses in 0.07 ms, and anyio's way in 0.2 ms, which every request pays. One that is
    cancelled leaves the work to end by itself.
    """
    return await asyncio.get_running_loop().run_in_executor(None, work)


async def in_background(work: Callable[[], T]) -> T:
    """The same, behind everything that somebody waits for: writes, reads and requests."""
    return await asyncio.get_running_loop().run_in_executor(_background, work)

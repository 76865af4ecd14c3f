"""Reads and writes that are tried again where others, or the network, were in their way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from secrets import SystemRandom
from typing import TypeVar

from session_buddy_skills.errors import ConnectionLostError, ContentionError
from session_buddy_skills.storage.database import Connection, Database, Parameters, Row

logger = logging.getLogger(__name__)
T = TypeVar("T")
Work = Callable[[Connection], Awaitable[T]]

GIVE_UP_SECONDS = 10.0
"""How long others may be in the way."""
LONGEST_PAUSE_SECONDS = 0.1


async def read(database: Database, work: Work[T]) -> T:
    """What the work makes of reads that all see the same state; again if the connection breaks."""

    async def once() -> T:
        async with database.reading() as connection:
            return await work(connection)

    return await _twice(once)


async def fetch(database: Database, query: str, parameters: Parameters | None = None) -> list[Row]:
    """The rows of one query, likewise: it needs no transaction, which costs as much again."""
    return await _twice(lambda: database.fetch(query, parameters))


async def _twice(once: Callable[[], Awaitable[T]]) -> T:
    try:
        return await once()
    except ConnectionLostError as lost:
        logger.info("reading again: %s", lost)
        return await once()


async def write_among_others(database: Database, work: Work[T]) -> tuple[T, float]:
    """Do the work in a transaction, again while others are in its way.

    Answers with its result and when that was on disk (`time.perf_counter()`).

    Raises:
        ContentionError: others were in the way for too long; nothing is stored.
        ConnectionLostError: the connection broke; all of it is stored or nothing.
    """
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while True:
        try:
            async with database.writing() as connection:
                result = await work(connection)
            return result, connection.ended_at
        except ContentionError:
            if time.monotonic() > give_up_at:
                raise
            # Of two that keep meeting, one comes first.
            await asyncio.sleep(SystemRandom().uniform(0, LONGEST_PAUSE_SECONDS))


async def write_repeatably(database: Database, work: Work[T]) -> T:
    """Likewise, of work that may be done twice without harm: again if the connection breaks."""
    try:
        done, _ = await write_among_others(database, work)
    except ConnectionLostError as lost:
        logger.info("writing again: %s", lost)
        done, _ = await write_among_others(database, work)
    return done


async def write_in_turn(database: Database, kind: str, work: Work[T]) -> T:
    """Likewise, after every other server that writes this kind: `kind` is one of `skill_turns`."""

    async def in_turn(connection: Connection) -> T:
        await connection.execute("take_turn", {"kind": kind, "now": datetime.now(UTC)})
        return await work(connection)

    return await write_repeatably(database, in_turn)

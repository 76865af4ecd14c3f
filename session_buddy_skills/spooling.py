"""Takes in what others could not deliver while there was no server."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
from anyio import to_thread

from session_buddy_skills import spool
from session_buddy_skills.errors import InputError, StorageError
from session_buddy_skills.limits import BATCH_INVOCATIONS
from session_buddy_skills.models import BatchRequest, RecordRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service

logger = logging.getLogger(__name__)
SECONDS_BETWEEN = 1.0
"""How often the folder is looked at."""


class SpoolIntake:
    """Takes in the files of a spool, oldest first; what cannot be stored is set aside, alone."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._service = service
        self._folder = folder
        self._told: str | None = None

    async def run(self) -> None:
        """Take in what is there and what comes, until cancelled."""
        while True:
            try:
                await self.take_in()
                self._told = None
            except (OSError, StorageError) as error:
                # It stays where it is, and is tried again; the reason is told once.
                if str(error) != self._told:
                    self._told = str(error)
                    logger.error("the spool %s is not taken in: %s", self._folder, error)
            await anyio.sleep(SECONDS_BETWEEN)

    async def take_in(self) -> int:
        """Take in what is there; answers with how many invocations that was.

        Raises:
            OSError: the folder cannot be read or changed.
            StorageError: the database does not take it; it stays.
        """
        taken = 0
        for path in await to_thread.run_sync(spool.waiting, self._folder):
            found = await to_thread.run_sync(spool.read, path)
            rejected = found.unreadable
            requests = []
            for record in found.records:
                try:
                    requests.append(checked(RecordRequest, **record))
                except InputError as error:
                    rejected.append((json.dumps(record).encode(), str(error)))
            for first in range(0, len(requests), BATCH_INVOCATIONS):
                some = requests[first : first + BATCH_INVOCATIONS]
                refused = await self._store(some)
                rejected += refused
                taken += len(some) - len(refused)
            if rejected:
                logger.error("%d lines of %s are set aside", len(rejected), path)
                await to_thread.run_sync(spool.reject, self._folder, rejected)
            await to_thread.run_sync(spool.remove, path)
        return taken

    async def _store(self, requests: Sequence[RecordRequest]) -> list[tuple[bytes, str]]:
        """Store what can be; answers with the others and why not."""
        try:
            await self._service.record_invocations(checked(BatchRequest, invocations=requests))
        except InputError as error:
            if len(requests) == 1:
                line = requests[0].model_dump_json(exclude_unset=True).encode()
                return [(line, str(error))]
            half = len(requests) // 2
            return [*await self._store(requests[:half]), *await self._store(requests[half:])]
        return []


@asynccontextmanager
async def taking_in(service: Service, folder: Path) -> AsyncIterator[None]:
    """Take in that spool in the background, for as long as the block runs."""
    # No task group: FastMCP ends a lifespan in another task than it began it in.
    task = asyncio.create_task(SpoolIntake(service, folder).run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

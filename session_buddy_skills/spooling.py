"""Takes in what others could not deliver while there was no server."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
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
        self._told: set[str] = set()

    async def run(self) -> None:
        """Take in what is there and what comes, until cancelled."""
        while True:
            await self.take_in()
            await anyio.sleep(SECONDS_BETWEEN)

    async def take_in(self) -> int:
        """Take in what is there; answers with how many invocations that was.

        A file that cannot be taken in stays where it is, is tried again, and holds up no other. The
        reason is logged, once.
        """
        taken, reasons = 0, set[str]()
        try:
            paths = await to_thread.run_sync(spool.waiting, self._folder)
        except OSError as error:
            paths = []
            reasons.add(self._tell(self._folder, error))
        for path in paths:
            try:
                taken += await self._take_in_one(path)
            except Exception as error:  # noqa: BLE001 - a fault of ours is told with its traceback
                reasons.add(self._tell(path, error))
        self._told = reasons
        return taken

    def _tell(self, path: Path, error: Exception) -> str:
        reason = f"{path} is not taken in: {error}"
        if reason not in self._told:
            ours = not isinstance(error, OSError | StorageError)
            logger.error("the spool %s", reason, exc_info=ours)
        return reason

    async def _take_in_one(self, path: Path) -> int:
        found = await to_thread.run_sync(spool.read, path)
        rejected = found.unreadable
        requests = []
        for record in found.records:
            try:
                requests.append(checked(RecordRequest, **record))
            except InputError as error:
                rejected.append((json.dumps(record).encode(), str(error)))
        taken = 0
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

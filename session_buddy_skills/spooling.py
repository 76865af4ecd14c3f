"""Takes in what others could not deliver while there was no server."""

from __future__ import annotations

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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


class FolderIntake(ABC):
    """Takes in the files of a folder, oldest first; what cannot be taken in holds up no other."""

    what: str
    """What is told of in the log."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._service = service
        self._folder = folder
        self._told: set[str] = set()
        self._reasons: set[str] = set()

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
        self._reasons, taken = set(), 0
        with self._telling(str(self._folder)):
            for path in await to_thread.run_sync(spool.waiting, self._folder):
                with self._telling(str(path)):
                    taken += await self._take_in_one(path)
        taken += await self._after()
        self._told = self._reasons
        return taken

    @abstractmethod
    async def _take_in_one(self, path: Path) -> int:
        """Take in a file, and remove it; how many invocations that was."""

    async def _after(self) -> int:
        """What is to be done when all files are taken in; likewise."""
        return 0

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Tell of an error, once, and go on."""
        try:
            yield
        except Exception as error:
            reason = f"{what} is not taken in: {error}"
            self._reasons.add(reason)
            if reason not in self._told:
                ours = not isinstance(error, OSError | StorageError)
                logger.error("%s %s", self.what, reason, exc_info=ours)

    async def _set_aside(self, path: Path, lines: Sequence[tuple[bytes, str]]) -> None:
        if lines:
            logger.error("%d lines of %s are set aside", len(lines), path)
            await to_thread.run_sync(spool.reject, self._folder, lines)


class SpoolIntake(FolderIntake):
    """Takes in a spool; what cannot be stored is set aside, alone."""

    what = "the spool"

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
        await self._set_aside(path, rejected)
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

"""Records without end, and tells the id and outcome of each write that was answered."""

from __future__ import annotations

import asyncio
import os
from multiprocessing.connection import Connection

from session_buddy_skills.models import BatchRequest, CompleteRequest, TrackRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings


class Caller:
    """One of several that record at once, each in a session of its own."""

    def __init__(self, service: Service, answered: Connection, number: int) -> None:
        self._service = service
        self._answered = answered
        self._session = f"session-{os.getpid()}-{number}"

    def _say(self, key: object, outcome: str) -> None:
        # One write call a message: it is either in the pipe or was never answered.
        self._answered.send_bytes(f"{key} {outcome}".encode())

    async def record(self) -> None:
        turn = 0
        while True:
            turn += 1
            start = checked(
                TrackRequest, session_id=self._session, skill_name="k", user_query=f"query {turn}"
            )
            started = await self._service.track_invocation(start)
            self._say(started.invocation_id, "pending")
            end = checked(CompleteRequest, invocation_id=started.invocation_id, completed=True)
            await self._service.complete_invocation(end)
            self._say(started.invocation_id, "completed")
            if turn % 5 == 0:
                whole = start.model_dump() | {"outcome": "completed"}
                batch = await self._service.record_invocations(
                    checked(BatchRequest, invocations=[whole] * 50)
                )
                for key in batch.invocation_ids:
                    self._say(key, "completed")


async def _record(settings: Settings, answered: Connection) -> None:
    async with open_service(settings) as service:
        callers = [Caller(service, answered, number) for number in range(8)]
        await asyncio.gather(*(caller.record() for caller in callers))


def record_without_end(settings: Settings, answered: Connection) -> None:
    asyncio.run(_record(settings, answered))

"""Records without end, and prints the id and outcome of each write that was answered."""

from __future__ import annotations

import asyncio
import os

from session_buddy_skills.models import BatchRequest, CompleteRequest, TrackRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service


def say(key: object, outcome: str) -> None:
    # One write call a line: a line is either in the pipe or was never answered.
    os.write(1, f"{key} {outcome}\n".encode())


async def one_caller(service: Service, caller: int) -> None:
    session = f"session-{os.getpid()}-{caller}"
    turn = 0
    while True:
        turn += 1
        start = checked(
            TrackRequest, session_id=session, skill_name="k", user_query=f"query {turn}"
        )
        started = await service.track_invocation(start)
        say(started.invocation_id, "pending")
        end = checked(CompleteRequest, invocation_id=started.invocation_id, completed=True)
        await service.complete_invocation(end)
        say(started.invocation_id, "completed")
        if turn % 5 == 0:
            whole = start.model_dump() | {"outcome": "completed"}
            batch = await service.record_invocations(
                checked(BatchRequest, invocations=[whole] * 50)
            )
            for key in batch.invocation_ids:
                say(key, "completed")


async def main() -> None:
    async with open_service() as service:
        await asyncio.gather(*(one_caller(service, caller) for caller in range(8)))


if __name__ == "__main__":
    asyncio.run(main())

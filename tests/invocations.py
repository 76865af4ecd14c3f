"""Made invocations, with every field present in some and missing in others."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from session_buddy_skills.limits import BATCH_INVOCATIONS
from session_buddy_skills.models import BatchRequest, Invocation
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service
from session_buddy_skills.storage.store import InvocationReader

ENDED = ["completed", "failed", "abandoned", "unknown"]


def invocations(n: int = 700) -> list[dict[str, Any]]:
    """Every field present and missing, over three skills and twenty sessions."""
    source = random.Random(7)
    made = []
    for i in range(n):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=source.randrange(10**6))
        one: dict[str, Any] = {
            "session_id": f"s{i % 20}",
            "skill_name": source.choice(["lint", "test", "deploy.now"]),
            "invoked_at": at,
            "workflow_path": source.choice(["quick", "comprehensive", None]),
            "workflow_phase": source.choice(["tests", "fast_hooks", None]),
            "selection_rank": source.choice([1, 1, 2, 5, None]),
        }
        outcome = source.choice([*ENDED, "completed", None])
        if outcome:
            one["outcome"] = outcome
            one["follow_up_actions"] = source.sample(
                ["commit", "retry", "ask"], source.randrange(3)
            )
            one["duration_seconds"] = source.choice([None, round(source.lognormvariate(1, 1), 6)])
            if outcome == "failed":
                one["error_type"] = source.choice(["builtins.ValueError", "E", None])
        made.append(one)
    return made


async def all_invocations(service: Service) -> list[Invocation]:
    """Everything that is stored, oldest first."""

    async def read(reader: InvocationReader) -> list[Invocation]:
        return [one async for some in reader.invocations() for one in some]

    return await service._store.read(read)


async def record(service: Service, made: list[dict[str, Any]]) -> None:
    for first in range(0, len(made), BATCH_INVOCATIONS):
        some = made[first : first + BATCH_INVOCATIONS]
        await service.record_invocations(checked(BatchRequest, invocations=some))

"""What tests of recommendations do over and over."""

from __future__ import annotations

import asyncio
from typing import Any

from session_buddy_skills.catalog import RegisterRequest
from session_buddy_skills.models import BatchRequest
from session_buddy_skills.recommendations import Recommendations, RecommendRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.results import Health
from session_buddy_skills.service import Service

SECONDS = 60


async def ready(service: Service, model: str | None = None) -> Health:
    """Wait until recommendations rest on all that is recorded, with that model if named."""
    async with asyncio.timeout(SECONDS):
        while True:
            health = await service.health_check()
            if health.embedding_backlog == 0 and model in (None, health.embedding_model):
                return health
            await asyncio.sleep(0.02)


async def describe(service: Service, **skills: str | None) -> None:
    """Register skills with their descriptions; `_` in a name stands for `-`."""
    entries = [
        {"name": name.replace("_", "-"), "description": text} for name, text in skills.items()
    ]
    await service.register_skills(checked(RegisterRequest, skills=entries))


async def used(service: Service, skill: str, query: str | None, **fields: Any) -> None:
    """Record a whole use, completed unless told otherwise."""
    use = {"session_id": "s", "skill_name": skill, "user_query": query, "outcome": "completed"}
    await service.record_invocations(checked(BatchRequest, invocations=[use | fields]))


async def ask(service: Service, query: str | None, **fields: Any) -> Recommendations:
    """Recommend skills, once everything is taken in."""
    await ready(service)
    return await service.recommend_skills(checked(RecommendRequest, user_query=query, **fields))


def names(answer: Recommendations) -> list[str]:
    """The skills, best first."""
    return [one.skill_name for one in answer.recommendations]

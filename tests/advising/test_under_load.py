"""Recommendations while much is going on, and while things fail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from session_buddy_skills.advising.upkeep import Upkeep
from session_buddy_skills.embeddings.embedder import Vectors
from session_buddy_skills.embeddings.static import StaticEmbedder
from session_buddy_skills.models import TrackRequest
from session_buddy_skills.recommendations import RecommendRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from tests.advising.asking import SECONDS, ask, describe, names, ready, used


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"embedder": "static"})


def upkeep(service: Service) -> Upkeep:
    assert service._recommender is not None
    return service._recommender.upkeep


async def test_it_reads_the_record_however_much_is_being_written(settings: Settings) -> None:
    async with open_service(settings) as service:
        stop = asyncio.Event()

        async def writing() -> None:
            while not stop.is_set():
                use = {"session_id": "s", "skill_name": "lint"}
                await service.track_invocation(checked(TrackRequest, **use))

        writers = [asyncio.create_task(writing()) for _ in range(24)]
        async with asyncio.timeout(SECONDS):
            await upkeep(service).loaded.wait()
        stop.set()
        await asyncio.gather(*writers)
        await ready(service)
        counted = upkeep(service).keeper._mark["total"]
        assert counted == (await service.health_check()).invocations


async def test_a_backlog_is_worked_off_under_requests(settings: Settings) -> None:
    async with open_service(settings) as service:
        await describe(service, lint="Checks the code")
        await ready(service)
        stop = asyncio.Event()

        async def asking() -> None:
            while not stop.is_set():
                await service.recommend_skills(checked(RecommendRequest, user_query="check"))

        askers = [asyncio.create_task(asking()) for _ in range(3)]
        await asyncio.gather(*(used(service, "lint", f"check file {n}") for n in range(300)))
        await ready(service)
        stop.set()
        await asyncio.gather(*askers)


class Breaking(StaticEmbedder):
    """The real one, which breaks as a library would, once."""

    broke = False

    def embed(self, texts: Sequence[str]) -> Vectors:
        if "break" in texts and not self.broke:
            self.broke = True
            raise RuntimeError("the library broke")
        return super().embed(texts)


async def test_a_library_that_breaks_does_not_end_the_upkeep(settings: Settings) -> None:
    async with open_service(settings) as service:
        await describe(service, lint="Checks the code")
        await ready(service)
        model = upkeep(service).model
        assert model is not None
        model.embedder = Breaking()
        await used(service, "lint", "break")
        assert names(await ask(service, "check the code")) == ["lint"]
        assert model.embedder.broke

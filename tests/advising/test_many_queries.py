"""Many queries: the index beside the database, pgvector, and what other servers write."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from session_buddy_skills.advising.live_model import LiveModel
from session_buddy_skills.advising.upkeep import GATHER_SECONDS
from session_buddy_skills.embeddings.static import StaticEmbedder
from session_buddy_skills.models import BatchRequest
from session_buddy_skills.recommendations import Recommendations
from session_buddy_skills.requests import checked
from session_buddy_skills.results import Rate
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.vector_index import VectorIndex, index_path
from tests.advising.asking import SECONDS, ask, describe, names, ready, used
from tests.databases import execute

QUERIES = 1_500


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"embedder": "static", "index_from": 1_000})


async def fill(service: Service, count: int = QUERIES) -> None:
    words = ["deploy", "test", "lint", "ship", "build", "merge", "paint", "bake", "sing", "walk"]
    for start in range(0, count, 500):
        batch = [
            {
                "session_id": "s",
                "skill_name": words[n % 10],
                "user_query": f"{words[n % 10]} the {words[n // 10 % 10]} number {n}",
                "outcome": "completed",
            }
            for n in range(start, min(count, start + 500))
        ]
        await service.record_invocations(checked(BatchRequest, invocations=batch))


async def indexed(service: Service) -> LiveModel:
    await ready(service)
    assert service._recommender is not None
    model = service._recommender.upkeep.model
    assert model is not None
    async with asyncio.timeout(SECONDS):
        while not model.finder.is_complete:
            await asyncio.sleep(0.02)
    return model


async def nearest(model: LiveModel, query: str) -> tuple[set[int], set[int]]:
    """The ten nearest by the index, and by a scan."""
    [vector] = model.embedder.embed([query])
    if model.finder.asks_database:
        texts, cosines = await model.finder.near_by_database(vector)
    else:
        texts, cosines = model.finder.near(vector)
    assert len(texts) < len(model.space.texts)
    everything, exact = model.space.everything(vector)
    return (
        set(texts[np.argsort(-cosines)[:10]].tolist()),
        set(everything[np.argsort(-exact)[:10]].tolist()),
    )


async def test_an_index_finds_what_a_scan_does(settings: Settings) -> None:
    async with open_service(settings) as service:
        await fill(service)
        model = await indexed(service)
        assert model.finder.asks_database == (settings.engine == "postgresql")
        shared = 0
        for n in range(20):
            found, exact = await nearest(model, f"deploy number {n * 7}")
            shared += len(found & exact)
        assert shared >= 0.97 * 200
        assert names(await ask(service, "bake the ship"))[0] == "bake"
        # What is new is found at once, before the index has it.
        await used(service, "juggle", "juggle seven burning torches")
        assert names(await ask(service, "juggle the burning torches"))[0] == "juggle"


async def test_the_index_is_made_again_where_it_is_missing_or_damaged(settings: Settings) -> None:
    if settings.engine == "postgresql":
        pytest.skip("PostgreSQL keeps its index itself")
    path = index_path(settings.database_path, StaticEmbedder.model)
    async with open_service(settings) as service:
        await fill(service)
        await indexed(service)
    size = path.stat().st_size
    for damage in (lambda: None, path.unlink, lambda: path.write_bytes(b"no index" * 99)):
        damage()
        async with open_service(settings) as service:
            model = await indexed(service)
            found, exact = await nearest(model, "deploy number 3")
            assert len(found & exact) >= 9
        assert path.stat().st_size == pytest.approx(size, rel=0.1)


def test_an_index_of_another_size_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "i.usearch"
    one = VectorIndex(8, path)
    one.add([_id(n) for n in range(3)], np.eye(3, 8, dtype=np.float32))
    one.save()
    again = VectorIndex(8, path)
    again.load()
    assert len(again) == 3
    assert again.nearest(np.eye(3, 8, dtype=np.float32)[1], 1) == [_id(1).int >> 65]
    other = VectorIndex(4, path)
    other.load()
    assert len(other) == 0
    assert not path.exists()


def test_an_index_that_is_saved_twice_at_once_is_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = VectorIndex(64, tmp_path / "i.usearch")
    vectors = np.random.default_rng(0).normal(size=(2_000, 64)).astype(np.float32)
    one.add([_id(n) for n in range(len(vectors))], vectors)
    # The server ends while its background saves.
    with ThreadPoolExecutor(4) as threads:
        for saving in [threads.submit(one.save) for _ in range(8)]:
            saving.result()
    again = VectorIndex(64, tmp_path / "i.usearch")
    again.load()
    assert len(again) == len(vectors)
    assert caplog.text == ""


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_vectors_of_what_comes_one_by_one_are_written_together(settings: Settings) -> None:
    async with open_service(settings) as service:
        await used(service, "walk", "the first")
        await ready(service)
        since = time.monotonic()
        for number in range(100):
            await used(service, "walk", f"walk {number}")
        await ready(service)
        rounds = (time.monotonic() - since) / GATHER_SECONDS + 1
    [[writes, vectors]] = execute(
        settings, "SELECT count(DISTINCT xmin::text), count(*) FROM skill_embedding"
    )
    assert vectors > 100
    assert writes < min(rounds + 3, 50)  # three before


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_what_another_server_records_is_known_soon(settings: Settings) -> None:
    async with open_service(settings) as one, open_service(settings) as other:
        await describe(one, deploy="Deploy the service", lint="Checks the code")
        await used(one, "deploy", "ship it")
        async with asyncio.timeout(SECONDS):
            # Its description alone puts it first before its use is known.
            while (rate := _rate_of_first(await ask(other, "ship it"))) is None:
                await asyncio.sleep(0.2)
        assert rate.n == 1
        await used(other, "lint", "ship it", outcome="failed")
        found = await ask(other, "ship it")
        assert names(found)[0] == "deploy"
        assert _rate_of_first(found) == rate


def _rate_of_first(answer: Recommendations) -> Rate | None:
    return answer.recommendations[0].completion_rate if answer.recommendations else None


def _id(number: int) -> UUID:
    return UUID(int=number << 65)

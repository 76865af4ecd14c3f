"""Models that come, go, are damaged, slow or missing, with requests all the while."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from session_buddy_skills.advising.live_model import LiveModel
from session_buddy_skills.embeddings.embedder import Vectors
from session_buddy_skills.embeddings.static import StaticEmbedder
from session_buddy_skills.errors import EmbedderError
from session_buddy_skills.recommendations import RecommendRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.evidence_store import EvidenceStore
from session_buddy_skills.storage.opening import open_migrated
from session_buddy_skills.storage.writing import query_id
from tests.advising.asking import ask, describe, names, ready, used
from tests.databases import execute
from tests.models import NAME

STATIC = StaticEmbedder.model


@pytest.fixture
def engine() -> str:
    """Models know nothing of the engine; what keeps their vectors is tested on both elsewhere."""
    return "duckdb"


INT8 = f"{NAME}-int8"
VERBS = "build check clean deploy document format lint migrate profile release review test"
NOUNS = "parser database service website library pipeline report container schema module"


def with_embedder(settings: Settings, embedder: str, **values: object) -> Settings:
    return settings.model_copy(update={"embedder": embedder, **values})


def share(settings: Settings, made_model: Path) -> None:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    (settings.data_dir / "models").symlink_to(made_model.parent)


class Failing(StaticEmbedder):
    """A model that has stopped to give what it should."""

    message = "the model gave vectors that are not finite."

    def embed(self, texts: Sequence[str]) -> Vectors:
        raise EmbedderError(self.message)


def in_use(service: Service) -> LiveModel:
    assert service._recommender is not None
    model = service._recommender.upkeep.model
    assert model is not None
    return model


def kept(settings: Settings) -> dict[str, int]:
    rows = execute(settings, "SELECT model, count(*) FROM skill_embedding GROUP BY model")
    return dict(rows)


@pytest.mark.slow
@pytest.mark.parametrize("before", ["nothing", "a damaged one"])
async def test_a_better_model_takes_over_while_requests_are_answered(
    settings: Settings, made_model: Path, caplog: pytest.LogCaptureFixture, before: str
) -> None:
    """Static vectors at once, an int8 ONNX once it is made, static where that fails."""
    made = settings.data_dir / "models" / made_model.name / "model.onnx"
    if before != "nothing":
        shutil.copytree(made_model, made.parent)
        made.write_bytes(b"\0" * 1000)
    async with open_service(with_embedder(settings, "auto")) as service:
        await describe(service, pytest_run="Run the tests", deploy="Deploy the service")
        await used(service, "deploy", "ship it")
        modes: list[str] = []
        slowest = 0.0
        while not modes or modes[-1] != "semantic":
            since = time.monotonic()
            answer = await service.recommend_skills(_asking("ship it now"))
            slowest = max(slowest, time.monotonic() - since)
            if not modes or modes[-1] != answer.mode:
                modes.append(answer.mode)
            assert names(answer)[:1] in (["deploy"], [])
            await asyncio.sleep(0.02)
        assert modes[-2:] == ["static", "semantic"]
        assert slowest < 2
        told = f"making the model anew: {made.parent} " in caplog.text
        assert told == (before != "nothing")
        assert made.stat().st_size > 10**7
        health = await ready(service)
        assert (health.embedding_model, health.embedding_note) == (INT8, None)
        assert names(await ask(service, "ship it now"))[0] == "deploy"
        in_use(service).embedder = Failing()
        await used(service, "deploy", "look at this file")
        health = await ready(service, STATIC)
        assert health.embedding_note == Failing.message
        assert names(await ask(service, "look at the file"))[0] == "deploy"
    assert set(kept(settings)) == {STATIC, INT8}


@pytest.mark.slow
async def test_switching_models_with_live_traffic_loses_nothing(
    settings: Settings, made_model: Path
) -> None:
    share(settings, made_model)
    for embedder, model in (("static", STATIC), ("onnx", INT8), ("static", STATIC)):
        async with open_service(with_embedder(settings, embedder)) as service:
            writing = [
                asyncio.create_task(used(service, "deploy", f"ship version {n} {embedder}"))
                for n in range(40)
            ]
            await asyncio.gather(*writing)
            assert (await ready(service, model)).embedding_backlog == 0
            [first, *_] = (await ask(service, "ship version 7")).recommendations
            assert first.skill_name == "deploy"
            assert first.completion_rate is not None
            counted = first.completion_rate.n
    assert counted == 120
    texts = execute(settings, "SELECT count(*) FROM skill_query WHERE query_text LIKE 'ship v%'")
    assert texts == [(81,)]
    # Queries of recommendations are kept and not embedded; two texts are of the one skill.
    assert kept(settings)[STATIC] == 80 + 1


@pytest.mark.slow
@pytest.mark.parametrize("embedder", ["onnx", "sentence-transformers"])
async def test_a_missing_model_leaves_the_next_best_within_a_second(
    settings: Settings, embedder: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = with_embedder(settings, embedder, model="/no/such/model")
    with caplog.at_level(logging.WARNING, "session_buddy_skills"):
        async with open_service(settings) as service:
            since = time.monotonic()
            health = await ready(service)
            assert time.monotonic() - since < 3
            assert health.embedding_model == STATIC
            assert health.embedding_note is not None
            assert "/no/such/model" in health.embedding_note
            await describe(service, lint="Checks the code")
            assert names(await ask(service, "check the code")) == ["lint"]
    said = [one.getMessage() for one in caplog.records if "/no/such/model" in one.getMessage()]
    assert len(said) == 1


@pytest.mark.slow
async def test_a_model_that_fails_in_use_leaves_the_next_best(
    settings: Settings, made_model: Path
) -> None:
    share(settings, made_model)
    async with open_service(with_embedder(settings, "onnx")) as service:
        await describe(service, lint="Checks the code")
        await ready(service, INT8)
        broken = in_use(service)
        broken.embedder = Failing()
        await used(service, "lint", "look at this file")
        health = await ready(service, INT8)
        assert health.embedding_mode == "semantic"
        assert in_use(service) is not broken
        assert names(await ask(service, "check the code")) == ["lint"]


@pytest.mark.parametrize("embedder", ["static", "onnx"])
async def test_before_anything_is_taken_in_nonsense_is_not_answered(
    settings: Settings, embedder: str, made_model: Path
) -> None:
    share(settings, made_model)
    async with open_service(with_embedder(settings, embedder)) as service:
        while (await service.health_check()).embedding_model is None:
            await asyncio.sleep(0.01)
        pairs = [(verb, noun) for verb in VERBS.split() for noun in NOUNS.split()]
        skills = {f"{verb}_{noun}": f"{verb.title()}s the {noun}" for verb, noun in pairs}
        await describe(service, **skills)
        asked, backlog = 0, 1
        while backlog or not asked:
            backlog = (await service.health_check()).embedding_backlog
            asked += 1
            assert names(await service.recommend_skills(_asking("zxqv wvut"))) == []
            answer = await service.recommend_skills(_asking("please test the parser"))
            assert all(one.similarity_score != -1 for one in answer.recommendations)


async def test_kept_vectors_of_another_size_are_not_mixed_in(settings: Settings) -> None:
    database, _ = await open_migrated(settings)
    odd = np.ones((1, 7), np.float32)
    await EvidenceStore(database).keep_embeddings([query_id("ship it")], STATIC, odd)
    await database.close()
    async with open_service(with_embedder(settings, "static")) as service:
        await used(service, "deploy", "ship it")
        health = await ready(service)
        assert health.embedding_mode == "lexical"
        assert health.embedding_note is not None
        assert "kept with 7 dimensions, but it has 256" in health.embedding_note
        assert names(await ask(service, "ship it")) == ["deploy"]


async def test_vectors_are_made_once_for_a_text_and_kept(settings: Settings) -> None:
    settings = with_embedder(settings, "static")
    async with open_service(settings) as service:
        await describe(service, deploy="Deploy the service")
        for _ in range(5):
            await used(service, "deploy", "ship it")
        await ready(service)
    rows = execute(settings, "SELECT text_id FROM skill_embedding")
    assert sorted(row[0] for row in rows) == sorted(
        query_id(text) for text in ("ship it", "Deploy the service", "deploy")
    )
    assert all(isinstance(row[0], UUID) for row in rows)


async def test_evidence_is_the_same_after_a_restart(settings: Settings) -> None:
    settings = with_embedder(settings, "static")
    async with open_service(settings) as service:
        await describe(service, deploy="Deploy the service", lint="Checks the code")
        for n in range(30):
            outcome = "completed" if n % 3 else "failed"
            skill = "deploy" if n % 2 else "lint"
            await used(
                service,
                skill,
                f"ship it {n % 7}",
                outcome=outcome,
                workflow_phase="tests",
                alternatives_considered=["lint", "deploy"],
                duration_seconds=float(n),
            )
        before = await ask(service, "ship it", workflow_phase="tests", min_similarity=-1)
    async with open_service(settings) as again:
        after = await ask(again, "ship it", workflow_phase="tests", min_similarity=-1)
    for one, other in zip(before.recommendations, after.recommendations, strict=True):
        assert one.model_dump(exclude={"score", "evidence"}) == other.model_dump(
            exclude={"score", "evidence"}
        )
        assert one.score == pytest.approx(other.score, abs=1e-4)


def _asking(query: str) -> RecommendRequest:
    return checked(RecommendRequest, user_query=query)

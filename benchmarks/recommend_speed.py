"""`make bench-recommend-speed`: how long a recommendation takes among many queries.

Each size has a process of its own, in which the service answers from a database with so many
distinct queries. Vectors of more than a few are made up, since a model would take hours; what is
searched, ranked and answered is the same.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import numpy as np
import psutil
from fastmcp import Client

from benchmarks.figures import Figure, p50, p99
from benchmarks.recommend import DATA, link_models, ready, uses
from session_buddy_skills.advising.live_model import LiveModel
from session_buddy_skills.embeddings.choosing import load_onnx
from session_buddy_skills.limits import BATCH_INVOCATIONS
from session_buddy_skills.locations import PREFIX
from session_buddy_skills.models import BatchRequest
from session_buddy_skills.recommendations import RecommendRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.evidence_store import EvidenceStore
from session_buddy_skills.storage.opening import open_migrated
from session_buddy_skills.storage.writing import query_id

ASKED = 300
NOISE = 0.03
"""Standard deviation, in each dimension, of made-up vectors around real ones."""
MADE_UP_FROM = 50_000
EXACT = 50
"""Requests whose nearest ten are compared with those of a scan."""


def texts(count: int) -> Iterator[tuple[str, str]]:
    """So many distinct requests with their skills: MetaTool's, and the same with a number."""
    history = uses("history.csv")
    for turn in itertools.count():
        for use in history:
            if count <= 0:
                return
            count -= 1
            yield (use.query if turn == 0 else f"{use.query} ({turn})"), use.skill


async def fill(settings: Settings, count: int) -> None:
    """Record that many completed uses."""
    async with open_service(settings, recommending=False) as service:
        chunk = []
        for query, skill in texts(count):
            use = {"session_id": "s", "skill_name": skill, "user_query": query}
            chunk.append(use | {"outcome": "completed"})
            if len(chunk) == BATCH_INVOCATIONS:
                await service.record_invocations(checked(BatchRequest, invocations=chunk))
                chunk = []
        if chunk:
            await service.record_invocations(checked(BatchRequest, invocations=chunk))
    if count > MADE_UP_FROM:
        await make_up_vectors(settings, count)


async def make_up_vectors(settings: Settings, count: int) -> None:
    """Keep vectors for the recorded queries that lie around real ones."""
    embedder = await load_onnx(settings)
    real = embedder.embed([use.query for use in uses("dev.csv")])
    chance = np.random.default_rng(0)
    database, _ = await open_migrated(settings)
    store = EvidenceStore(database)
    queries = (query for query, _ in texts(count))
    while some := list(itertools.islice(queries, 5_000)):
        near = real[chance.integers(0, len(real), len(some))]
        made = near + chance.normal(0, NOISE, near.shape).astype(np.float32)
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        ids = [query_id(query) for query in some]
        await store.keep_embeddings(ids, embedder.model, made)
    await database.close()


async def server_memory(settings: Settings) -> float:
    """Mebibytes of `serve` with the model, once it has answered."""
    variables = {"data_dir": str(settings.data_dir), "embedder": settings.embedder}
    environment = os.environ | {f"{PREFIX}{name.upper()}": one for name, one in variables.items()}
    command = [sys.executable, "-m", "session_buddy_skills", "serve", "--port", "0"]
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        url = (await process.stderr.readline()).decode().split("MCP on ")[1].split(",")[0]
        async with Client(url) as client:
            await ready(client)
            await client.call_tool("recommend_skills", {"user_query": "run the tests"})
            return float(psutil.Process(process.pid).memory_info().rss / 2**20)
    finally:
        process.terminate()
        await process.communicate()


async def caught_up(service: Service) -> LiveModel:
    """Wait until recommendations rest on everything, and everything is indexed."""
    while (await service.health_check()).embedding_backlog:
        await asyncio.sleep(0.05)
    recommender = service._recommender
    assert recommender is not None
    model = recommender.upkeep.model
    assert model is not None
    while not model.finder.is_complete:
        await asyncio.sleep(0.1)
    return model


async def measure(embedder: str, count: int) -> list[Figure]:
    """Ask among that many queries."""
    name = f"{embedder}, {count:,} queries"
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(data_dir=folder, embedder=embedder)
        link_models(Path(folder))
        served = await server_memory(settings) if count <= MADE_UP_FROM else None
        async with open_service(settings) as service:
            model = await caught_up(service)
            bare = process.memory_info().rss / 1e6
        del model
        # Elsewhere, so that what writing takes is not in this process's memory.
        filling = [sys.executable, "-m", "benchmarks.recommend_speed", "--fill", folder]
        await anyio.run_process([*filling, f"{embedder}-{count}"])
        since = time.perf_counter()
        async with open_service(settings) as service:
            recommender = service._recommender
            assert recommender is not None
            while recommender.upkeep.model is recommender.upkeep._next_model:
                await asyncio.sleep(0.005)
            loaded = time.perf_counter()
            while (await service.health_check()).embedding_backlog:
                await asyncio.sleep(0.02)
            embedded = time.perf_counter() - loaded
            model = await caught_up(service)
            seconds = time.perf_counter() - since
            figures = await ask(service, model, name)
            held = process.memory_info().rss / 1e6
            figures.append(Figure(f"{name}: ready after", seconds, "s"))
            if count <= MADE_UP_FROM:
                # From the model being there; fitting included.
                figures.append(Figure(f"{name}: embedded", count / embedded, "/s"))
            if served is not None:
                figures.append(Figure(f"{embedder}: a server without queries", served, "MiB"))
            figures.append(Figure(f"{name}: memory for them", held - bare, "MB"))
    return figures


async def ask(service: Service, model: LiveModel, name: str) -> list[Figure]:
    """Ask for new requests, one after another."""
    requests = random.Random(0).sample([use.query for use in uses("dev.csv")], ASKED)
    whole, embedding = [], []
    for query in requests:
        since = time.perf_counter()
        await service.recommend_skills(checked(RecommendRequest, user_query=query))
        between = time.perf_counter()
        model.embedder.embed([query])
        whole.append(between - since)
        embedding.append(time.perf_counter() - between)
    found = 0.0
    for vector in model.embedder.embed(requests[:EXACT]):
        all_texts, cosines = model.space.everything(vector)
        exact = set(all_texts[np.argsort(-cosines)[:10]].tolist())
        near, cosines = model.finder.near(vector)
        found += len(exact & set(near[np.argsort(-cosines)[:10]].tolist())) / 10 / EXACT
    return [
        Figure(f"{name}: whole call, p50", p50(whole) * 1000, "ms"),
        Figure(f"{name}: whole call, p99", p99(whole) * 1000, "ms"),
        Figure(f"{name}: without embedding, p50", (p50(whole) - p50(embedding)) * 1000, "ms"),
        Figure(f"{name}: recall@10 of the search", found, ""),
    ]


TARGETS = {
    "static, 20,000 queries: whole call, p50": "<= 5",
    "onnx, 20,000 queries: whole call, p50": "<= 12",
    "sentence-transformers, 20,000 queries: whole call, p50": "<= 25",
    "onnx, 20,000 queries: without embedding, p50": "<= 4",
    "onnx, 200,000 queries: without embedding, p50": "<= 15",
    "onnx, 1,000,000 queries: without embedding, p50": "<= 30",
    "onnx, 200,000 queries: recall@10 of the search": ">= 0.97",
    "onnx, 1,000,000 queries: recall@10 of the search": ">= 0.97",
    "static, 20,000 queries: embedded": ">= 10000",
    "onnx, 20,000 queries: embedded": ">= 150",
    "onnx, 200,000 queries: memory for them": "<= 450",
    "onnx: a server without queries": "<= 250",
}
RUNS = [
    ("static", 20_000),
    ("onnx", 20_000),
    ("sentence-transformers", 20_000),
    ("onnx", 200_000),
    ("onnx", 1_000_000),
]


def main() -> None:
    """Measure each run in a process of its own; exits with 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recommend_speed")
    parser.add_argument("runs", nargs="*", help="such as onnx-20000; all by default")
    parser.add_argument("--here", action="store_true", help="in this process, as JSON")
    parser.add_argument("--fill", help="only fill the database in this folder")
    options = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"skipped: {DATA} is not there")
    missed = False
    for run in options.runs or [f"{embedder}-{count}" for embedder, count in RUNS]:
        embedder, _, size = run.rpartition("-")
        if options.fill:
            asyncio.run(fill(Settings.load(data_dir=options.fill, embedder=embedder), int(size)))
            continue
        if options.here:
            figures = asyncio.run(measure(embedder, int(size)))
            print(json.dumps([vars(figure) for figure in figures]))
            continue
        command = [sys.executable, "-m", "benchmarks.recommend_speed", "--here", run]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        for fields in json.loads(done.stdout.splitlines()[-1]):
            figure = Figure(**fields | {"target": TARGETS.get(fields["name"], "")})
            verdict = {None: "", True: "met", False: "MISSED"}[figure.met]
            value = f"{figure.value:>11,.2f} {figure.unit:3}"
            print(f"{figure.name:58}{value} {figure.target:9} {verdict}".rstrip(), flush=True)
            missed |= figure.met is False
    raise SystemExit(missed)


if __name__ == "__main__":
    main()

"""`make bench-recommend`: how often the right skill is recommended, through the real tool.

MetaTool's requests, of which the history is recorded and the new ones are asked, one MCP call each,
with everything as a caller gets it by default: where nothing is recommended, the request is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from fastmcp import Client

from benchmarks.figures import p50
from session_buddy_skills.app import build_app
from session_buddy_skills.limits import BATCH_INVOCATIONS
from session_buddy_skills.settings import Settings

DATA = Path(__file__).parents[2] / "shared" / "data" / "metatool"
ASKED = 10
"""Skills that are asked for, so that the reciprocal rank is of the first ten."""
EMBEDDERS = ("onnx", "static", "sentence-transformers", "none")
SEMANTIC = ("onnx", "sentence-transformers")
HELD_OUT = 0.2
"""Share of the skills that are left out of the record, to ask for what it does not know."""
FAILURES = {"20 % failed, in place": 5, "20 % failed, beside": 1}
"""Draws of each kind: of which uses fail; which they are moves recall@1 by half a point."""
PER_SKILL = {"no history": 0, "1 per skill": 1, "5 per skill": 5, "20 per skill": 20}
TARGETS = {
    ("semantic", "full history"): (0.855, 0.970, 0.905),
    ("static", "full history"): (0.835, 0.960, 0.890),
    ("semantic", "no history"): (0.58, 0.79, None),
    ("semantic", "1 per skill"): (0.62, 0.84, None),
    ("semantic", "5 per skill"): (0.68, 0.88, None),
    ("semantic", "20 per skill"): (0.76, 0.93, None),
}


@dataclass(frozen=True)
class Use:
    """A past use: what was asked for, which skill was used, whether it completed."""

    query: str
    skill: str
    completed: bool = True


@dataclass(frozen=True)
class Asked:
    """What one request was answered."""

    rank: int | None
    """Place of the right skill, from 1; None where it is not among the ten."""
    confidence: float
    answered: bool
    seconds: float


def uses(name: str) -> list[Use]:
    """The requests of one of MetaTool's files."""
    with (DATA / name).open(encoding="utf-8") as file:
        return [Use(row["query"], row["skill"]) for row in csv.DictReader(file)]


def per_skill(history: Sequence[Use], count: int, seed: int = 0) -> list[Use]:
    """So many uses of each skill, drawn at random."""
    drawn = random.Random(seed).sample(list(history), len(history))
    seen: Counter[str] = Counter()
    kept = []
    for use in drawn:
        seen[use.skill] += 1
        if seen[use.skill] <= count:
            kept.append(use)
    return kept


def with_failures(
    history: Sequence[Use], skills: Sequence[str], *, added: bool, seed: int
) -> list[Use]:
    """A fifth of the uses being failed uses of a wrong skill, in place of right ones or beside."""
    chance = random.Random(seed)
    mixed = list(history) if added else []
    for use in history:
        if chance.random() < (0.25 if added else 0.2):
            wrong = chance.choice([skill for skill in skills if skill != use.skill])
            mixed.append(Use(use.query, wrong, completed=False))
        elif not added:
            mixed.append(use)
    return mixed


async def ask(
    embedder: str, skills: dict[str, str], history: Sequence[Use], requests: Iterable[Use]
) -> list[Asked]:
    """Record the history in a new database, and ask for each request."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(data_dir=folder, embedder=embedder, log_level="warning")
        link_models(Path(folder))
        async with Client(build_app(settings)) as client:
            entries = [{"name": name, "description": text} for name, text in skills.items()]
            await client.call_tool("register_skills", {"skills": entries})
            await record(client, history)
            await ready(client)
            return [await _asked(client, request) for request in requests]


def link_models(data_dir: Path) -> None:
    """Let services with different data folders share what is made of a model once."""
    shared = Path(tempfile.gettempdir()) / "session-buddy-skills-models"
    shared.mkdir(exist_ok=True)
    (data_dir / "models").symlink_to(shared)


async def record(client: Client[Any], history: Sequence[Use]) -> None:
    """Record past uses."""
    for start in range(0, len(history), BATCH_INVOCATIONS):
        some = [
            {
                "session_id": f"session-{start}",
                "skill_name": use.skill,
                "user_query": use.query,
                "outcome": "completed" if use.completed else "failed",
            }
            for use in history[start : start + BATCH_INVOCATIONS]
        ]
        await client.call_tool("record_invocations", {"invocations": some})


async def ready(client: Client[Any]) -> dict[str, Any]:
    """Wait until recommendations rest on all that is recorded."""
    while True:
        health: dict[str, Any] = (
            await client.call_tool("health_check", {})
        ).structured_content or {}
        if health["embedding_backlog"] == 0:
            return health
        await asyncio.sleep(0.05)


async def _asked(client: Client[Any], request: Use) -> Asked:
    since = time.perf_counter()
    arguments = {"user_query": request.query, "limit": ASKED}
    answer = (await client.call_tool("recommend_skills", arguments)).structured_content or {}
    seconds = time.perf_counter() - since
    names = [one["skill_name"] for one in answer["recommendations"]]
    rank = names.index(request.skill) + 1 if request.skill in names else None
    return Asked(rank, answer["confidence"], bool(names), seconds)


def scores(answers: Sequence[Asked]) -> tuple[float, float, float]:
    """recall@1, recall@5 and the mean reciprocal rank within ten."""
    ranks = [one.rank for one in answers]
    return (
        sum(rank == 1 for rank in ranks) / len(ranks),
        sum(rank is not None and rank <= 5 for rank in ranks) / len(ranks),
        sum(1 / rank for rank in ranks if rank is not None) / len(ranks),
    )


def area_under_curve(known: Sequence[float], foreign: Sequence[float]) -> float:
    """The chance that a known request is given more confidence than a foreign one."""
    pairs = len(known) * len(foreign)
    wins = sum((one > other) + (one == other) / 2 for one in known for other in foreign)
    return wins / pairs


def show(embedder: str, setting: str, answers: Sequence[Asked]) -> tuple[float, float, float]:
    """Print a row of the table."""
    found = scores(answers)
    kind = "semantic" if embedder in SEMANTIC else embedder
    targets = TARGETS.get((kind, setting), (None, None, None))
    pairs = zip(found, targets, strict=True)
    cells = [f"{value:.4f} {_verdict(value, target)}" for value, target in pairs]
    silent = sum(not one.answered for one in answers) / len(answers)
    milliseconds = p50([one.seconds for one in answers]) * 1000
    rest = f"silent {silent:.4f}  {milliseconds:.1f} ms"
    print(f"{embedder:22}{setting:28}{'  '.join(cells)}  {rest}", flush=True)
    return found


def _verdict(value: float, target: float | None) -> str:
    if target is None:
        return " " * 15
    return f">= {target:.3f} {'met' if value >= target else 'MISSED':6}"


async def measure(embedder: str) -> None:
    """All settings with one embedder."""
    skills: dict[str, str] = json.loads((DATA / "skills.json").read_text(encoding="utf-8"))
    history, requests = uses("history.csv"), uses("dev.csv")
    for setting, count in PER_SKILL.items():
        show(embedder, setting, await ask(embedder, skills, per_skill(history, count), requests))
    full = show(embedder, "full history", await ask(embedder, skills, history, requests))
    if embedder not in SEMANTIC[:1]:
        return
    for setting, draws in FAILURES.items():
        losses = []
        for seed in range(draws):
            added = setting.endswith("beside")
            mixed = with_failures(history, list(skills), added=added, seed=seed)
            found = show(embedder, setting, await ask(embedder, skills, mixed, requests))
            losses.append((full[0] - found[0]) * 100)
        loss, verdict = fmean(losses), "met" if fmean(losses) <= 1 else "MISSED"
        print(f"{'':22}loses {loss:.2f} points of recall@1 in the mean, <= 1 {verdict}")
    left_out = set(random.Random(0).sample(sorted(skills), round(len(skills) * HELD_OUT)))
    known = {name: text for name, text in skills.items() if name not in left_out}
    answers = await ask(embedder, known, [u for u in history if u.skill in known], requests)
    pairs = list(zip(requests, answers, strict=True))
    inside = [answer.confidence for use, answer in pairs if use.skill in known]
    outside = [answer.confidence for use, answer in pairs if use.skill in left_out]
    area = area_under_curve(inside, outside)
    print(f"{'':22}requests for a fifth of the skills, left out: AUROC {area:.4f}")


async def measure_silence(data: dict[str, list[list[str]]]) -> None:
    """CLINC150 with MiniLM: requests for its 150 skills, and 1,000 that are for none of them.

    It comes without descriptions: each skill says its name.
    """
    history, known, foreign = (
        [Use(query, skill) for query, skill in data[part]] for part in ("train", "test", "oos_test")
    )
    skills = {use.skill: use.skill.replace("_", " ") for use in history}
    for setting, count in {"full history": len(history), "20 per skill": 20}.items():
        answers = await ask("onnx", skills, per_skill(history, count), [*known, *foreign])
        inside, outside = answers[: len(known)], answers[len(known) :]
        area = area_under_curve(*([one.confidence for one in some] for some in (inside, outside)))
        found = "/".join(f"{value:.4f}" for value in scores(inside))
        silent = [sum(not one.answered for one in some) / len(some) for some in (inside, outside)]
        verdict = f" >= 0.975 {'met' if area >= 0.975 else 'MISSED'}" * (count > 20)
        print(
            f"CLINC150, {setting}: recall@1/@5/MRR {found}, AUROC {area:.4f}{verdict}; silent at "
            f"{silent[0]:.4f} of the known and {silent[1]:.4f} of the foreign",
            flush=True,
        )


def main() -> None:
    """Measure the chosen embedders."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recommend", description=__doc__)
    parser.add_argument("embedders", nargs="*", choices=[*EMBEDDERS, []], metavar="embedder")
    parser.add_argument(
        "--out-of-scope", type=Path, metavar="FILE", help="data/data_full.json of clinc/oos-eval."
    )
    options = parser.parse_args()
    if options.out_of_scope:
        asyncio.run(measure_silence(json.loads(options.out_of_scope.read_text())))
        return
    if not DATA.is_dir():
        raise SystemExit(f"skipped: {DATA} is not there")
    header = "".join(f"{name:24}" for name in ("recall@1", "recall@5", "MRR@10"))
    print(f"{'embedder':22}{'setting':28}{header}")
    for embedder in options.embedders or EMBEDDERS:
        asyncio.run(measure(embedder))


if __name__ == "__main__":
    main()

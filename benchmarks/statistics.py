"""`make bench-stats`: whether intervals, alarms and lifts keep what they promise, on made data.

Everything is drawn anew from a fixed seed, so that a run prints the same again.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from benchmarks.ab_statistics import ab_tests
from session_buddy_skills.analytics.anomalies import Observed, Verdict, Window, judge
from session_buddy_skills.analytics.association import associate
from session_buddy_skills.analytics.multiplicity import benjamini_hochberg
from session_buddy_skills.analytics.rates import wilson_interval

Floats = NDArray[np.float64]
Line = tuple[str, str, bool | None]
"""What was measured, what came out, and whether it is what it should be."""

SKILLS = 200
DAYS = 30
BASELINE_DAYS = 7
PHASES = 5
THRESHOLD = 2.0
HEALTHY, BROKEN = 0.92, 0.65
WATCHED_HOURS = 72


def wilson_coverage() -> Iterator[Line]:
    """The chance that the interval holds the true rate, exactly, in the mean over rates.

    For one n and rate it jumps, since counts do; so the mean over rates from 0.05 to 0.95 is told.
    """
    rates = np.linspace(0.05, 0.95, 181)
    for n in (5, 10, 20, 50, 100, 200, 500):
        bounds = [wilson_interval(k, n) for k in range(n + 1)]
        covered = []
        for rate in rates:
            inside = [low <= rate <= high for low, high in bounds]
            covered.append(float(binom.pmf(np.arange(n + 1), n, rate)[inside].sum()))
        mean = float(np.mean(covered))
        told = f"{mean:.4f} (single rates {min(covered):.3f} to {max(covered):.3f})"
        yield f"Wilson interval, n {n}: coverage", told, 0.93 <= mean <= 0.97


@dataclass(frozen=True)
class Day:
    """What one skill did on one day."""

    completed: NDArray[np.bool_]
    bins: NDArray[np.intp]
    phases: NDArray[np.intp]


class Skill:
    """A skill that always does as it does."""

    def __init__(self, chance: np.random.Generator) -> None:
        self._chance = chance
        self._rate = chance.beta(12, 2)
        self._per_day = chance.lognormal(2.2, 1)
        self._seconds = chance.lognormal(1, 1)
        self._mix = chance.dirichlet(np.ones(PHASES))

    def day(self, weekday: int) -> Day:
        """A day: overdispersed, and with a third of the use at weekends."""
        busy = (1.2 if weekday < 5 else 0.4) * self._chance.gamma(4, 0.25)
        n = self._chance.poisson(self._per_day * busy)
        return Day(
            self._chance.random(n) < self._rate,
            np.floor(10 * self._chance.normal(np.log(self._seconds), 0.8, n)).astype(np.intp),
            self._chance.choice(PHASES, n, p=self._mix),
        )


def observed(name: str, recent: list[Day], baseline: list[Day], buckets: list[Day]) -> Observed:
    """A skill's windows, from days."""
    bins = [np.concatenate([day.bins for day in days]) for days in (recent, baseline)]
    values, places = np.unique(np.concatenate(bins), return_inverse=True)
    split = len(bins[0])
    durations = [
        np.bincount(some, minlength=len(values)) for some in (places[:split], places[split:])
    ]
    windows: list[Window] = []
    for days, counts in zip((recent, baseline), durations, strict=True):
        completed = np.concatenate([day.completed for day in days])
        phases = np.concatenate([day.phases for day in days])
        windows.append(
            Window(
                completed=int(completed.sum()),
                decided=len(completed),
                durations=counts.astype(np.float64),
                median_seconds=None,
                phases=np.bincount(phases, minlength=PHASES).astype(np.float64),
            )
        )
    uses = np.array([len(day.completed) for day in buckets], np.float64)
    return Observed(name, windows[0], windows[1], sum(len(day.completed) for day in recent), uses)


def false_alarms(stores: int) -> Iterator[Line]:
    """Daily calls on 200 healthy skills for 30 days, in several stores."""
    chance = np.random.default_rng(1)
    calls = alarmed = 0
    kinds: Counter[str] = Counter()
    small: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    for _ in range(stores):
        skills = [Skill(chance) for _ in range(SKILLS)]
        days = [[skill.day(day % 7) for day in range(BASELINE_DAYS + DAYS)] for skill in skills]
        for today in range(BASELINE_DAYS, BASELINE_DAYS + DAYS):
            before = slice(today - BASELINE_DAYS, today)
            verdicts = judge(
                [
                    observed(str(n), [own[today]], own[before], own[before])
                    for n, own in enumerate(days)
                ]
            )
            found = [one for one in verdicts if one.is_anomaly(THRESHOLD)]
            calls += 1
            alarmed += bool(found)
            kinds.update(one.measure for one in found)
            tests.update(one.measure for one in verdicts)
            small.update(one.measure for one in verdicts if one.deviation.p_value < 0.01)
    share = alarmed / calls
    yield (
        "anomalies, 200 healthy skills: calls with an alarm",
        f"{share:.3f} of {calls}",
        share <= 0.05,
    )
    per_month = sum(kinds.values()) / stores
    yield "  alarms in 30 days of daily calls", f"{per_month:.2f}", None
    for kind, n in tests.items():
        rate = small[kind] / n
        yield f"  {kind}: p < 0.01", f"{rate:.4f} of {n}", rate <= 0.015


def drops(stores: int) -> Iterator[Line]:
    """A drop from 0.92 to 0.65 with 40 runs in the window, and how long until it is found."""
    for skills, broken in ((1, 1), (10, 1), (50, 1), (50, 5), (200, 1), (200, 20)):
        chance = np.random.default_rng(skills + broken)
        found = 0
        for _ in range(stores):
            verdicts = judge([_steady(chance, str(n), n < broken) for n in range(skills)])
            found += len(_dropped(verdicts) & {str(n) for n in range(broken)})
        share = found / (stores * broken)
        target = share >= 0.9 if skills <= 10 else None
        yield f"drop with n = 40 in {broken} of {skills} skills: found", f"{share:.3f}", target
    yield from latency(stores)


def latency(stores: int) -> Iterator[Line]:
    """Hourly calls after a drop, at 40 runs a day in a store of 10 and of 200 skills."""
    for skills in (10, 200):
        chance = np.random.default_rng(skills)
        hours = []
        for _ in range(stores if skills == 10 else stores // 4):
            others = [_steady(chance, str(n), broken=False) for n in range(1, skills)]
            hours.append(_hours_until_found(chance, others))
        found = sorted(hour for hour in hours if hour is not None)
        for limit in (24, 48, WATCHED_HOURS):
            share = sum(hour <= limit for hour in found) / len(hours)
            name = f"drop in 1 of {skills} skills, hourly calls: found in {limit} h"
            target = share >= 0.9 if limit == WATCHED_HOURS else None
            yield name, f"{share:.3f}", target
        yield "  hours until it is found, median", f"{median(found):.0f}", None


def _hours_until_found(chance: np.random.Generator, others: list[Observed]) -> int | None:
    hourly = chance.poisson(40 / 24, WATCHED_HOURS + 8 * 24)
    start = 8 * 24
    completed = [
        chance.random(n) < (HEALTHY if hour < start else BROKEN) for hour, n in enumerate(hourly)
    ]
    none = np.zeros(1)
    for now in range(start + 1, start + WATCHED_HOURS + 1):
        recent = np.concatenate(completed[now - 24 : now])
        before = np.concatenate(completed[now - 8 * 24 : now - 24])
        windows = [
            Window(int(some.sum()), len(some), none, None, none) for some in (recent, before)
        ]
        uses = [
            float(sum(hourly[now - 24 * (n + 1) : now - 24 * n]))
            for n in range(1, BASELINE_DAYS + 1)
        ]
        one = Observed("0", windows[0], windows[1], len(recent), np.array(uses))
        if "0" in _dropped(judge([one, *others])):
            return now - start
    return None


def _steady(chance: np.random.Generator, name: str, broken: bool) -> Observed:
    """40 uses in the window, and 40 a day before it."""
    rate = BROKEN if broken else HEALTHY

    def day(share: float) -> Day:
        return Day(
            chance.random(40) < share,
            np.floor(10 * chance.normal(1, 0.8, 40)).astype(np.intp),
            chance.choice(3, 40, p=[0.3, 0.3, 0.4]),
        )

    before = [day(HEALTHY) for _ in range(BASELINE_DAYS)]
    return observed(name, [day(rate)], before, before)


def _dropped(verdicts: list[Verdict]) -> set[str]:
    return {
        one.skill_name
        for one in verdicts
        if one.is_anomaly(THRESHOLD) and one.anomaly_type == "performance_drop"
    }


def independent_lift() -> Iterator[Line]:
    """Pairs of skills that are drawn apart from each other, in 5,000 sessions."""
    chance = np.random.default_rng(2)
    rates = chance.uniform(0.1, 0.5, 40)
    used = (chance.random((5_000, 40)) < rates).astype(np.float64)
    both = used.T @ used
    a, b = np.triu_indices(40, 1)
    alone = used.sum(axis=0)
    found = associate(both[a, b], alone[a], alone[b], 5_000.0)
    mean = float(found.lift.mean())
    inside = float(((found.lift >= 0.9) & (found.lift <= 1.1)).mean())
    covered = float(((found.low <= 1) & (found.high >= 1)).mean())
    yield "lift of independent skills: mean", f"{mean:.4f}", 0.9 <= mean <= 1.1
    yield "  share of pairs from 0.9 to 1.1", f"{inside:.3f}", inside >= 0.95
    yield "  intervals that hold 1", f"{covered:.3f}", 0.93 <= covered <= 0.97
    small = float((found.p_value < 0.05).mean())
    yield "  p < 0.05", f"{small:.3f}", small <= 0.07


def rare_skills(stores: int) -> Iterator[Line]:
    """Skills of which the k-th is used in 0.3 / k of the sessions, apart from each other."""
    for sessions, skills in ((200, 100), (1_000, 200)):
        chance = np.random.default_rng(sessions)
        wrong = 0
        for _ in range(stores):
            used = (chance.random((sessions, skills)) < 0.3 / np.arange(1, skills + 1)).astype(
                float
            )
            used = used[:, used.any(axis=0)]
            a, b = np.triu_indices(used.shape[1], 1)
            both, alone = (used.T @ used)[a, b], used.sum(axis=0)
            met = both > 0
            found = associate(both[met], alone[a[met]], alone[b[met]], float(sessions))
            wrong += bool((benjamini_hochberg(found.p_value, len(a)) < 0.05).any())
        share = wrong / stores
        name = f"{skills} rare skills in {sessions} sessions: calls with a false pair"
        yield name, f"{share:.3f} of {stores}", share <= 0.05


def main() -> None:
    """Print the table; exits with 1 if something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statistics", description=__doc__)
    parser.add_argument("--stores", type=int, default=200, help="made stores for drops")
    options = parser.parse_args()
    parts: list[Callable[[], Iterator[Line]]] = [
        wilson_coverage,
        lambda: false_alarms(max(1, options.stores // 20)),
        lambda: drops(options.stores),
        independent_lift,
        lambda: rare_skills(options.stores),
        lambda: ab_tests(5 * options.stores),
    ]
    holds = True
    for part in parts:
        for name, value, kept in part():
            verdict = {True: "holds", False: "DOES NOT HOLD", None: ""}[kept]
            print(f"{name:62}{value:40}{verdict}".rstrip(), flush=True)
            holds = holds and kept is not False
    raise SystemExit(not holds)


if __name__ == "__main__":
    main()

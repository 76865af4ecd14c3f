"""What has changed about skills: every test of a call, judged together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from session_buddy_skills.analytics.deviations import (
    Deviation,
    mix_deviation,
    rank_deviation,
    rate_deviation,
    usage_deviations,
)
from session_buddy_skills.analytics.multiplicity import benjamini_hochberg
from session_buddy_skills.changes import AnomalyType

Floats = NDArray[np.float64]
Measure = Literal["performance", "duration", "usage", "pattern"]
TYPES: dict[Measure, tuple[AnomalyType, AnomalyType]] = {
    "performance": ("performance_drop", "performance_spike"),
    "duration": ("duration_decrease", "duration_increase"),
    "usage": ("usage_drop", "usage_spike"),
    "pattern": ("pattern_shift", "pattern_shift"),
}
"""What less and what more of a measure is called."""

WEIGHTS: dict[Measure, float] = {"performance": 2.5, "duration": 0.5, "usage": 0.5, "pattern": 0.5}
"""How much of the allowance for chance each measure gets: that work is lost matters most."""
FALSE_SHARE = 0.05
"""Share of what is found that may be chance."""
FEWEST_RECENT = 5
FEWEST_BASELINE = 20
"""Runs below which nothing is tested, in the recent window and in the baseline."""


@dataclass(frozen=True, slots=True)
class Window:
    """What one skill did in some time."""

    completed: int
    decided: int
    durations: Floats
    """(k,) of runs by duration, in bins that are the same for both windows."""
    median_seconds: float | None
    phases: Floats
    """(p,) of runs by phase, in an order that is the same for both windows."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One skill, recently and in the baseline before."""

    skill_name: str
    recent: Window
    baseline: Window
    count: int
    """Uses in the recent window."""
    buckets: Floats
    """(b,) of uses in as many windows before it as the baseline holds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One test of one skill."""

    skill_name: str
    measure: Measure
    baseline: float | None
    observed: float | None
    recent_n: int
    baseline_n: int
    deviation: Deviation
    adjusted_p_value: float

    @property
    def anomaly_type(self) -> AnomalyType:
        """What it is called if it is one."""
        return TYPES[self.measure][self.deviation.score > 0]

    def is_anomaly(self, threshold: float) -> bool:
        """Whether it deviates by at least that much, and is not to be put down to chance."""
        return self.adjusted_p_value <= FALSE_SHARE and abs(self.deviation.score) >= threshold


@dataclass(frozen=True, slots=True)
class _Test:
    skill_name: str
    measure: Measure
    values: tuple[float | None, float | None]
    sizes: tuple[int, int]
    deviation: Deviation


def judge(skills: Sequence[Observed]) -> list[Verdict]:
    """Every test that the data allow, with p-values adjusted for all of them.

    Before the adjustment each is divided by the weight of its measure, over the mean of the weights
    of all tests, which leaves the control of false findings as it is.

    Source: C. R. Genovese, K. Roeder and L. Wasserman, "False discovery control with p-value
    weighting", Biometrika 93 (2006).
    """
    tests = [*_usage(skills), *(test for one in skills for test in _tests(one))]
    if not tests:
        return []
    weights = np.array([WEIGHTS[one.measure] for one in tests])
    p_values = np.array([one.deviation.p_value for one in tests])
    adjusted = benjamini_hochberg(p_values * weights.mean() / weights)
    return [
        Verdict(one.skill_name, one.measure, *one.values, *one.sizes, one.deviation, p_value)
        for one, p_value in zip(tests, adjusted.tolist(), strict=True)
    ]


def _tests(one: Observed) -> list[_Test]:
    recent, baseline = one.recent, one.baseline
    found = []
    if _enough(recent.decided, baseline.decided):
        deviation = rate_deviation(
            recent.completed, recent.decided, baseline.completed, baseline.decided
        )
        values = baseline.completed / baseline.decided, recent.completed / recent.decided
        sizes = recent.decided, baseline.decided
        found.append(_Test(one.skill_name, "performance", values, sizes, deviation))
    sizes = int(recent.durations.sum()), int(baseline.durations.sum())
    if _enough(*sizes):
        deviation = rank_deviation(recent.durations, baseline.durations)
        medians = baseline.median_seconds, recent.median_seconds
        found.append(_Test(one.skill_name, "duration", medians, sizes, deviation))
    sizes = int(recent.phases.sum()), int(baseline.phases.sum())
    if _enough(*sizes):
        deviation = mix_deviation(recent.phases, baseline.phases)
        shares = [some.phases / some.phases.sum() for some in (baseline, recent)]
        distance = float(np.abs(shares[0] - shares[1]).sum() / 2)
        found.append(_Test(one.skill_name, "pattern", (0.0, distance), sizes, deviation))
    return found


def _usage(skills: Sequence[Observed]) -> list[_Test]:
    """Those that were in use before the baseline's last bucket and often enough."""
    known = [one for one in skills if one.buckets.sum() >= FEWEST_BASELINE and len(one.buckets) > 1]
    if not known:
        return []
    deviations = usage_deviations(
        np.array([one.count for one in known], np.float64),
        np.stack([one.buckets for one in known]),
    )
    return [
        _Test(
            one.skill_name,
            "usage",
            (float(one.buckets.mean()), float(one.count)),
            (one.count, int(one.buckets.sum())),
            deviation,
        )
        for one, deviation in zip(known, deviations, strict=True)
    ]


def _enough(recent: int, baseline: int) -> bool:
    return recent >= FEWEST_RECENT and baseline >= FEWEST_BASELINE

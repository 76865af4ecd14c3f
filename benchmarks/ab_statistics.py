"""A/B tests that are looked at every day: how often they declare a winner, and the right one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from session_buddy_skills.analytics.experiments import FEWEST_USERS, Group, verdict

Line = tuple[str, str, bool | None]
DAYS = 60
Arm = list[Group]
"""What a group has done by the end of each day."""


def ab_tests(repeats: int) -> Iterator[Line]:
    """Tests of equal strategies, and of one that is 10 points better."""
    for users, runs, likeness in ((500, 1, 0.0), (5_000, 1, 0.0), (200, 3, 0.2), (60, 10, 0.5)):
        for rate in (0.5, 0.9):
            ends = _ends(repeats, users, runs, likeness, (rate, rate))
            won = ends["treatment_better"] + ends["control_better"]
            told = f"{users} users of {runs} runs" if runs > 1 else f"{users} users"
            if likeness:
                told += f", alike by {likeness}"
            name = f"A/A, {told} a group, rate {rate}: a winner"
            yield name, f"{won / repeats:.3f} of {repeats}", won / repeats <= 0.05
    for rate in (0.4, 0.5, 0.6, 0.7, 0.8):
        ends = _ends(repeats, 500, 1, 0.0, (rate, rate + 0.1))
        found, wrong = ends["treatment_better"] / repeats, ends["control_better"] / repeats
        name = f"A/B, 500 users a group, {rate:.1f} against {rate + 0.1:.1f}: found"
        yield name, f"{found:.3f} of {repeats}; {wrong:.3f} the wrong one", found >= 0.8


def _ends(
    repeats: int, users: int, runs: int, likeness: float, rates: tuple[float, float]
) -> Counter[str]:
    chance = np.random.default_rng([users, runs, *(round(100 * rate) for rate in rates)])
    ends: Counter[str] = Counter()
    for _ in range(repeats):
        arms = [_arm(chance, users, runs, likeness, rate) for rate in rates]
        for control, treatment in zip(*arms, strict=True):
            said = verdict(control, treatment, users * runs)
            if said.endswith("_better"):
                break
        ends[said] += 1
    return ends


def _arm(chance: np.random.Generator, users: int, runs: int, likeness: float, rate: float) -> Arm:
    """Users who come over the 60 days; each has a rate of their own, `likeness` alike."""
    counts = chance.geometric(1 / runs, users)
    owner = np.repeat(np.arange(users), counts)
    came = chance.uniform(0, DAYS, users)
    day = chance.uniform(came[owner], DAYS)
    order = np.argsort(day)
    # Of one user a thirtieth of the sample counts at most.
    own_place = np.zeros(len(owner), np.intp)
    for user in range(users if runs > 1 else 0):
        own = order[owner[order] == user]
        own_place[own] = np.arange(len(own))
    order = order[own_place[order] < max(1, users * runs // FEWEST_USERS)]
    ends = np.searchsorted(day[order], np.arange(1, DAYS + 1))
    rates = np.full(users, rate)
    if likeness:
        scale = (1 - likeness) / likeness
        rates = chance.beta(rate * scale, (1 - rate) * scale, users)
    completed = chance.random(len(owner)) < rates[owner]
    return [
        _group(owner[order][:n], completed[order][:n], users)
        for n in np.minimum(ends, users * runs)
    ]


def _group(owner: NDArray[np.intp], completed: NDArray[np.bool_], users: int) -> Group:
    n = np.bincount(owner, minlength=users)
    k = np.bincount(owner, completed, minlength=users)
    return Group(
        users=int((n > 0).sum()),
        runs=int(n.sum()),
        completed=int(k.sum()),
        runs_squared=float(n @ n),
        completed_squared=float(k @ k),
        product=float(n @ k),
    )

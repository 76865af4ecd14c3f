"""How far a phase of a workflow holds work back."""

from __future__ import annotations

from session_buddy_skills.workflow import Severity

HIGH = 0.5
MEDIUM = 0.2


def slowness(time_share: float, runs_share: float) -> float:
    """How far a phase takes more than its share of the time, in 0 to 1.

    max(0, t - r) / (1 - r), with its share t of all time spent and its share r of the runs that
    were timed: 0 where a run takes as long as in other phases or less, 1 where all time is spent
    in it. It is 0 for the only phase.

    Raises:
        ValueError: a share is not within 0 and 1.
    """
    if not (0 <= time_share <= 1 and 0 <= runs_share <= 1):
        raise ValueError(f"shares must be within 0 and 1: {time_share}, {runs_share}")
    if runs_share == 1:
        return 0.0
    return max(0.0, time_share - runs_share) / (1 - runs_share)


def bottleneck_score(loss: float, slow: float) -> float:
    """1 - (1 - loss) · (1 - slowness), in 0 to 1: high where a phase loses work, or is slow.

    `loss` is the lower bound of the share of runs that failed or were given up, so that a few bad
    runs make no bottleneck; with `slow` it is combined as two causes that are independent.
    """
    return 1 - (1 - loss) * (1 - slow)


def severity(score: float) -> Severity:
    """high from a score of 0.5 on, medium from 0.2 on, low below."""
    return "high" if score >= HIGH else "medium" if score >= MEDIUM else "low"

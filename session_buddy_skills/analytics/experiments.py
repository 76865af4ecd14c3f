"""Two groups of users, judged so that anybody may look at any time."""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt

from scipy.special import bdtr, ndtri, stdtr, stdtrit

from session_buddy_skills.ab_tests import Verdict
from session_buddy_skills.analytics.rates import Z_95

ALPHA = 0.05
"""The chance of a winner where there is none, over all looks together."""
BOUNDARY = float(-ndtri(ALPHA / 4))
"""2.241: within one unit of time a Brownian motion leaves ± this with probability ALPHA."""
POWER_Z = float(ndtri(0.8))
FEWEST_USERS = 30
"""In each group; the variance between fewer users is not known well enough."""


@dataclass(frozen=True, slots=True)
class Group:
    """What the users of one group did: sums over them of their runs n and of those completed, k."""

    users: int
    runs: int
    completed: int
    runs_squared: float
    completed_squared: float
    product: float

    @property
    def rate(self) -> float:
        """Completed of all runs."""
        return self.completed / self.runs

    @property
    def variance(self) -> float:
        """Of the rate, by the delta method: users are independent of each other, their runs not.

        With N runs of u users at a rate r it is u / (u - 1) · Σ (k - r·n)² / N²; with one run a
        user that of a binomial share. Where all do alike it is that of independent runs, half a
        success and half a failure added.

        Source: W. G. Cochran, Sampling Techniques (1977), section 9A.
        """
        r = self.rate
        squares = self.completed_squared - 2 * r * self.product + r * r * self.runs_squared
        if self.users > 1 and squares > self.runs * 1e-12:
            return squares / self.runs**2 * self.users / (self.users - 1)
        shrunk = (self.completed + 0.5) / (self.runs + 1)
        return shrunk * (1 - shrunk) / self.runs


@dataclass(frozen=True, slots=True)
class Difference:
    """Treatment less control."""

    value: float
    error: float
    """Its standard error."""
    low: float
    high: float
    """The 95 % interval of one look at a time that was fixed before."""
    p_value: float
    """Likewise of one look."""


def difference_of_rates(control: Group, treatment: Group) -> Difference:
    """Of two shares, by the normal approximation.

    Raises:
        ValueError: a group has no runs.
    """
    if control.runs == 0 or treatment.runs == 0:
        raise ValueError("each group needs a run")
    value = treatment.rate - control.rate
    error = sqrt(control.variance + treatment.variance)
    spread = Z_95 * error
    low, high = max(-1.0, value - spread), min(1.0, value + spread)
    return Difference(value, error, low, high, erfc(abs(value) / error / sqrt(2)))


def information(control: Group, treatment: Group, sample_size: int) -> float:
    """What share of what the test will know in the end is known: above 0, up to 1.

    The harmonic mean of the two groups' runs over the planned runs of each.
    """
    both = control.runs + treatment.runs
    return 2 * control.runs * treatment.runs / both / sample_size


def sequential_interval(difference: Difference, information: float) -> tuple[float, float]:
    """The interval that holds the truth at all looks together, with 95 %; without 0, one wins.

    With t the information and z = value / error, z·√t moves like a Brownian motion over t in 0 to 1
    where there is no difference, and by the reflection principle ever leaves ± c with a probability
    of at most 4 · (1 - Φ(c)); c = 2.241 makes that 5 %. So the interval is value ± c · error / √t.

    Source: P. C. O'Brien and T. R. Fleming, "A multiple testing procedure for clinical trials",
    Biometrics 35 (1979); K. K. G. Lan and D. L. DeMets, "Discrete sequential boundaries for
    clinical trials", Biometrika 70 (1983); C. Jennison and B. W. Turnbull, "Repeated confidence
    intervals for group sequential clinical trials", Controlled Clinical Trials 5 (1984).
    """
    spread = BOUNDARY * difference.error / sqrt(information)
    return max(-1.0, difference.value - spread), min(1.0, difference.value + spread)


def verdict(control: Group, treatment: Group, sample_size: int) -> Verdict:
    """Which group does better, if that is known; the chance of a false one is ALPHA at most.

    That holds however often it is asked while the groups fill up to `sample_size` runs each.
    """
    if min(control.users, treatment.users) < FEWEST_USERS:
        return "insufficient_data"
    progress = information(control, treatment, sample_size)
    low, high = sequential_interval(difference_of_rates(control, treatment), progress)
    if low > 0:
        return "treatment_better"
    if high < 0:
        return "control_better"
    return "no_difference" if progress >= 1 else "undecided"


def detectable_difference(control: Group, treatment: Group, sample_size: int) -> float:
    """The true difference that so many runs of each group find four times of five.

    (c + Φ⁻¹(0.8)) · √(2 · p(1-p) / n · d), with the boundary's c, the rate p of both groups
    together, half a success and half a failure added, and the design effect d: how many times as
    large the variance between users is as that of independent runs, 1 at least.
    """
    runs, completed = control.runs + treatment.runs, control.completed + treatment.completed
    rate = (completed + 0.5) / (runs + 1)
    independent = rate * (1 - rate) * (1 / control.runs + 1 / treatment.runs)
    design = max(1.0, (control.variance + treatment.variance) / independent)
    return (BOUNDARY + POWER_Z) * sqrt(2 * rate * (1 - rate) / sample_size * design)


def sample_ratio_p_value(control_users: int, treatment_users: int) -> float:
    """How likely groups of at least so unlike sizes are if each user is in either with chance 1/2.

    Two-sided, exact. A small one says that assigning is broken, and that the rest means nothing.
    """
    smaller, both = min(control_users, treatment_users), control_users + treatment_users
    return min(1.0, 2 * float(bdtr(smaller, both, 0.5)))


@dataclass(frozen=True, slots=True)
class Times:
    """Mean durations of users, in seconds."""

    users: int
    mean: float
    variance: float


def difference_of_means(control: Times, treatment: Times) -> Difference | None:
    """Of mean durations, by Welch's test over users; None with fewer than two users in a group.

    Source: B. L. Welch, "The generalization of Student's problem when several different population
    variances are involved", Biometrika 34 (1947).
    """
    if min(control.users, treatment.users) < 2:
        return None
    parts = [one.variance / one.users for one in (control, treatment)]
    value, error = treatment.mean - control.mean, sqrt(sum(parts))
    if error == 0:
        return Difference(value, 0.0, value, value, 1.0 if value == 0 else 0.0)
    freedom = sum(parts) ** 2 / (
        parts[0] ** 2 / (control.users - 1) + parts[1] ** 2 / (treatment.users - 1)
    )
    spread = float(stdtrit(freedom, 0.975)) * error
    p_value = 2 * float(stdtr(freedom, -abs(value) / error))
    return Difference(value, error, value - spread, value + spread, p_value)

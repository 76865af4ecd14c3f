"""Whether something rises or falls from day to day."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through values of days."""

    slope: float
    """Per day."""
    low: float
    high: float
    """The slope's 95 % interval."""
    p_value: float
    start: float
    end: float
    """What the line says of the first and of the last day."""


def weighted_line(
    days: Floats, values: Floats, weights: Floats, least_variance: float = 0.0
) -> Line:
    """Least squares of (k,) values over (k,) days, each weighing by its (k,) runs; k >= 3.

    With weighted means d and v: slope = Σ w (day - d)(value - v) / Σ w (day - d)². Its variance is
    Σ w residual² / (k - 2) / Σ w (day - d)², with Student's distribution of k - 2 degrees of
    freedom. Σ w residual² / (k - 2) is taken for at least `least_variance`, what chance alone makes
    of a value that weighs 1: a few days on a line are no certainty.

    Source: N. R. Draper and H. Smith, Applied Regression Analysis (1998), section 9.2.

    Raises:
        ValueError: fewer than three days, or all on one day.
    """
    free = len(days) - 2
    if free < 1 or np.ptp(days) == 0:
        raise ValueError("a line needs three days or more")
    day, value = np.average(days, weights=weights), np.average(values, weights=weights)
    squares = float((weights * (days - day) ** 2).sum())
    slope = float((weights * (days - day) * (values - value)).sum()) / squares
    residuals = values - value - slope * (days - day)
    variance = max(float((weights * residuals**2).sum()) / free, least_variance)
    error = sqrt(variance / squares)
    # Values on a line but for rounding leave no error to hold the slope against.
    flat = abs(slope) * float(np.ptp(days)) <= 1e-12 * float(np.abs(values).max(initial=1.0))
    if flat:
        slope, p_value = 0.0, 1.0
    else:
        p_value = 2 * float(stdtr(free, -abs(slope) / error)) if error > 0 else 0.0
    spread = float(stdtrit(free, 0.975)) * error
    return Line(
        slope=slope,
        low=slope - spread,
        high=slope + spread,
        p_value=p_value,
        start=float(value + slope * (days[0] - day)),
        end=float(value + slope * (days[-1] - day)),
    )

"""Lower bounds of many shares at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from session_buddy_skills.analytics.rates import Z_95

Floats = NDArray[np.float64]


def wilson_lower_bounds(successes: Floats, n: Floats, z: float = Z_95) -> Floats:
    """(k,) of the lower bound of `wilson_interval` for each; 0 where n is 0."""
    known = np.maximum(n, 1)
    p = successes / known
    spread = z * np.sqrt(p * (1 - p) / known + z * z / (4 * known * known))
    low = (p + z * z / (2 * known) - spread) / (1 + z * z / known)
    return np.where((n > 0) & (successes > 0), low, 0.0)

"""Many tests at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def benjamini_hochberg(p_values: Floats, tests: int | None = None) -> Floats:
    """(m,) of adjusted p-values: rejecting those up to q keeps the share of false ones below q.

    `tests` counts those as well that are left out here, since their p-value is 1. The adjusted
    value of the i-th smallest is the least of tests · p(j) / j over j >= i.

    Source: Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", Journal of the
    Royal Statistical Society B 57 (1995).
    """
    m = len(p_values)
    tests = m if tests is None else tests
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * tests / np.arange(1, m + 1)
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted

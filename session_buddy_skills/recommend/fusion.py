"""Several rankings into one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def spread(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scores of one request drawn onto 0 to 1; what is -inf stays at 0, equal scores are all 1."""
    finite = np.isfinite(scores)
    if not finite.any():
        return np.zeros(len(scores))
    low, high = scores[finite].min(), scores[finite].max()
    if high - low < 1e-9:
        everything: NDArray[np.float64] = finite.astype(np.float64)
        return everything
    drawn: NDArray[np.float64] = np.where(finite, (scores - low) / (high - low), 0.0)
    return drawn


def fuse(parts: Sequence[tuple[float, NDArray[np.floating]]]) -> NDArray[np.float64]:
    """The weighted mean of the spread parts, in 0 to 1."""
    weights = np.array([weight for weight, _ in parts])
    fused: NDArray[np.float64] = weights @ np.stack([spread(scores) for _, scores in parts])
    fused /= weights.sum()
    return fused

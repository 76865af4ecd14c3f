"""Memory that is free, given back to the system."""

from __future__ import annotations

import ctypes

M_MMAP_THRESHOLD = -3
LARGE_BYTES = 2**23


def keep_large_apart() -> None:
    """Have glibc take large arrays from the system one by one, so that a free one goes back.

    Left to itself it soon puts them among small ones, which hold on to the pages between them:
    45 MB of 200,000 vectors.
    """
    choose = getattr(ctypes.CDLL(None), "mallopt", None)
    if choose is not None:
        choose(M_MMAP_THRESHOLD, LARGE_BYTES)


def give_back() -> None:
    """Have glibc return what it keeps for later, some tens of megabytes after a model is loaded."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)

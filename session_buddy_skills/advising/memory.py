"""Memory that is free, given back to the system."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Have glibc return what it keeps for later, some tens of megabytes after a model is loaded."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)

"""Records every use of an agent's skills and answers from the record."""

from __future__ import annotations

# Not from typing: what a hook of Claude Code loads it waits for, and typing takes a third of that.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from session_buddy_skills.models import Outcome
    from session_buddy_skills.service import Service, open_service
    from session_buddy_skills.settings import Settings
    from session_buddy_skills.tracking import Run

__all__ = ["Outcome", "Run", "Service", "Settings", "open_service"]

_HOMES = {
    "Outcome": "models",
    "Run": "tracking",
    "Service": "service",
    "Settings": "settings",
    "open_service": "service",
}


def __getattr__(name: str) -> Any:
    # Loaded at first use: a program that imports a part of the package pays for that part alone.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

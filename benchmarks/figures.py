"""What a benchmark measures: figures, each with its target where it has one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured number; `target` says what it should be, such as `<= 5`."""

    name: str
    value: float
    unit: str
    target: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if not self.target:
            return None
        sign, bound = self.target.split()
        return self.value <= float(bound) if sign == "<=" else self.value >= float(bound)


async def durations(work: Callable[[int], Awaitable[object]], times: int) -> list[float]:
    """Seconds that each of so many runs, one after another, took."""
    taken = []
    for turn in range(times):
        since = time.perf_counter()
        await work(turn)
        taken.append(time.perf_counter() - since)
    return taken


def p50(values: list[float]) -> float:
    """The median."""
    return statistics.median(values)


def p99(values: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(values, n=100, method="inclusive")[98]

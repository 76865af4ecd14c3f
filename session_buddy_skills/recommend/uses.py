"""What was used for which request, and how it ended: the part of the evidence without a model."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from session_buddy_skills.recommend.columns import Column

NONE = -1


@dataclass(slots=True)
class Tally:
    """How uses ended; pending and unknown ones are in neither count."""

    completed: int = 0
    settled: int = 0


@dataclass(frozen=True, slots=True)
class Pairs:
    """Requests and the skills that were used for them, one row a pair."""

    text: NDArray[np.int32]
    skill: NDArray[np.int32]
    good: NDArray[np.float32]
    """How much the uses that completed count: 1 + ln(n), so that habit does not outweigh fit."""
    bad: NDArray[np.float32]
    """The same for those that failed or were abandoned."""
    passed_over: NDArray[np.float32]
    """The same for the times that the skill was shown and another taken."""


class Uses:
    """Skills and requests by number, the pairs between them, and tallies."""

    def __init__(self) -> None:
        self.additions = 0
        """How often anything was added."""
        self.names: list[str] = []
        self.numbers: dict[str, int] = {}
        self.tallies: defaultdict[tuple[str, str], dict[int, Tally]] = defaultdict(dict)
        """By kind ("", "phase", "project", "user") and value, then by skill."""
        self.durations: defaultdict[int, array[float]] = defaultdict(lambda: array("d"))
        """Seconds, by skill."""
        self._text: Column[np.int32] = Column(np.int32)
        self._skill: Column[np.int32] = Column(np.int32)
        self._weights: tuple[Column[np.float32], ...] = tuple(Column(np.float32) for _ in range(3))
        self._next: Column[np.int32] = Column(np.int32)
        self._first: Column[np.int32] = Column(np.int32)
        """The newest pair of each request, from which `_next` leads to the others."""

    def skill(self, name: str) -> int:
        """The number of a skill, new if need be."""
        if name not in self.numbers:
            self.numbers[name] = len(self.names)
            self.names.append(name)
        return self.numbers[name]

    def count(
        self,
        skill: int,
        completed: int,
        failed: int,
        phase: str | None = None,
        project: str | None = None,
        user: str | None = None,
    ) -> None:
        """Count uses of a skill that completed, and that failed or were given up."""
        self.additions += 1
        kinds = (("", ""), ("phase", phase), ("project", project), ("user", user))
        for kind, value in kinds:
            if value is not None:
                tally = self.tallies[kind, value].setdefault(skill, Tally())
                tally.completed += completed
                tally.settled += completed + failed

    def relate(self, text: int, skill: int, completed: int, failed: int) -> bool:
        """Count uses of a skill for a request; whether they are the first that completed."""
        self.additions += 1
        pair = self._pair(text, skill)
        first = bool(completed) and not self._weights[0].values[pair]
        self._raise(0, pair, completed)
        self._raise(1, pair, failed)
        return first

    def pass_over(self, text: int, skill: int, times: int = 1) -> None:
        """Count that the skill was shown for this request and another taken."""
        self.additions += 1
        self._raise(2, self._pair(text, skill), times)

    def pairs(self) -> Pairs:
        """All pairs as they are, as views."""
        count = len(self._next)
        text, skill = self._text.values[:count], self._skill.values[:count]
        good, bad, passed_over = (column.values[:count] for column in self._weights)
        return Pairs(text, skill, good, bad, passed_over)

    def pairs_of(self, text: int) -> list[int]:
        """The rows of a request's pairs."""
        found = []
        pair = int(self._first.values[text]) if text < len(self._first) else NONE
        while pair != NONE:
            found.append(pair)
            pair = int(self._next.values[pair])
        return found

    def tally(self, skill: int, kind: str = "", value: str = "") -> Tally:
        """How uses of a skill ended, overall or in one phase, project or of one user."""
        return self.tallies.get((kind, value), {}).get(skill) or Tally()

    def _pair(self, text: int, skill: int) -> int:
        """The row of a pair, new if need be."""
        for pair in self.pairs_of(text):
            if self._skill.values[pair] == skill:
                return pair
        while len(self._first) <= text:
            self._first.append(NONE)
        new = len(self._next)
        self._text.append(text)
        self._skill.append(skill)
        for column in self._weights:
            column.append(0)
        self._next.append(float(self._first.values[text]))
        self._first.values[text] = new
        return new

    def _raise(self, kind: int, pair: int, times: int) -> None:
        if times:
            weights = self._weights[kind].values
            count = round(math.exp(weights[pair] - 1)) if weights[pair] else 0
            weights[pair] = 1 + math.log(count + times)

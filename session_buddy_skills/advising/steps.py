"""What usually comes next in a session, looked up so that no request waits for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict

from session_buddy_skills.errors import StorageError
from session_buddy_skills.recommend.uses import Tally
from session_buddy_skills.storage.evidence_store import EvidenceStore

logger = logging.getLogger(__name__)

NextSteps = dict[str, Tally]
"""By skill: how often it completed, of all the times that anything came and ended."""
Last = tuple[str, str | None]
"""The skill that a session used last, and the one before it."""

FEWEST_PAIRS = 5
"""Times that two skills must have come in this order for what followed both to be counted."""
PAUSES_PER_LOOK = 20
"""How many times longer than looking it up an answer is taken for fresh."""
REMEMBERED = 1_000
WAIT_SECONDS = 0.05
"""How long a request waits for an answer that was never there."""


class Steps:
    """Remembers what came after the last steps of sessions, and looks again now and then."""

    def __init__(self, store: EvidenceStore) -> None:
        self._store = store
        self._found: OrderedDict[Last, tuple[float, NextSteps]] = OrderedDict()
        """Until when each is fresh."""
        self._looking: dict[Last, asyncio.Task[NextSteps]] = {}

    async def of(
        self, session_id: str, *, seconds: float | None = None, fresh: bool = False
    ) -> tuple[str | None, NextSteps]:
        """The session's last skill, and what comes after it and the one before.

        Nothing of the latter where it takes longer to find out; what was found some time ago is
        looked for again meanwhile, and waited for if it must be `fresh`.

        Raises:
            StorageError: it cannot be read.
        """
        rows = await self._store.fetch("last_steps", {"session_id": session_id})
        if not rows:
            return None, {}
        names = [row["skill_name"] for row in rows]
        last: Last = (names[0], names[1] if len(names) > 1 else None)
        fresh_until, found = self._found.get(last, (0.0, None))
        if found is not None and time.monotonic() < fresh_until:
            return last[0], found
        looking = self._look(last)
        if found is not None and not fresh:
            return last[0], found
        done, _ = await asyncio.wait([looking], timeout=seconds)
        return last[0], looking.result() if done else {}

    async def close(self) -> None:
        """Give up looking."""
        for task in self._looking.values():
            task.cancel()
        if self._looking:
            await asyncio.wait(list(self._looking.values()))

    def _look(self, last: Last) -> asyncio.Task[NextSteps]:
        """The one task that looks this up."""
        if last not in self._looking:
            task = asyncio.create_task(self._read(last))
            self._looking[last] = task
            task.add_done_callback(lambda _: self._ended(last))
        return self._looking[last]

    def _ended(self, last: Last) -> None:
        task = self._looking.pop(last)
        if not task.cancelled() and (error := task.exception()):
            logger.error("what comes after %s is not known: %s", last[0], error)

    async def _read(self, last: Last) -> NextSteps:
        start = time.monotonic()
        skill, before = last
        rows = await self._store.fetch("next_steps", {"skill_name": skill, "before": before})
        pairs = sum(row["followed_both"] for row in rows)
        if pairs >= FEWEST_PAIRS:
            steps = {row["skill_name"]: Tally(row["completed_both"], pairs) for row in rows}
        else:
            total = sum(row["followed"] for row in rows)
            steps = {row["skill_name"]: Tally(row["completed"], total) for row in rows}
        took = time.monotonic() - start
        self._found[last] = (time.monotonic() + PAUSES_PER_LOOK * took, steps)
        if len(self._found) > REMEMBERED:
            self._found.popitem(last=False)
        return steps


async def known_steps(
    steps: Steps, session_id: str | None, *, needed: bool
) -> tuple[str | None, NextSteps]:
    """The session's last skill and what comes next; who can do without waits for a moment at most.

    Raises:
        StorageError: it is needed and cannot be read.
    """
    if not session_id:
        return None, {}
    try:
        return await steps.of(session_id, seconds=None if needed else WAIT_SECONDS)
    except StorageError as error:
        if needed:
            raise
        logger.error("recommending without the session's last step: %s", error)
        return None, {}

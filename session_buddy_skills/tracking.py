"""A piece of work that is tracked while it runs, for programs that use the service in-process."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from session_buddy_skills.errors import InputError, SkillsError
from session_buddy_skills.limits import NAME_CHARS
from session_buddy_skills.models import CompleteRequest, Outcome, TrackRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.results import Receipt

logger = logging.getLogger(__name__)

Start = Callable[[TrackRequest], Awaitable[Receipt]]
End = Callable[[CompleteRequest], Awaitable[Receipt]]


class Run:
    """Starts an invocation on entering and ends it on leaving; what is set between goes with it.

    It ends as `outcome`, which is completed unless set; failed, with the exception's type, when the
    body raises; abandoned when the body is cancelled or interrupted.
    """

    invocation_id: UUID

    def __init__(self, start: Start, end: End, request: TrackRequest) -> None:
        self.outcome = Outcome.COMPLETED
        self.follow_up_actions: list[str] = []
        self.rating: int | None = None
        self._start = start
        self._end = end
        self._request = request

    async def __aenter__(self) -> Self:
        self.invocation_id = (await self._start(self._request)).invocation_id
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        ending: dict[str, Any] = {"invocation_id": self.invocation_id, "outcome": self.outcome}
        if isinstance(error, Exception):
            ending |= {"outcome": Outcome.FAILED, "error_type": _full_name(type(error))}
        elif error is not None:
            ending |= {"outcome": Outcome.ABANDONED}
        try:
            await self._end_with(ending)
        except SkillsError as failure:
            if error is None:
                raise
            # What went wrong in the body matters more to whoever called it.
            logger.error("the end of %s was not recorded as set: %s", self.invocation_id, failure)
            error.add_note(f"its end was not recorded as set: {failure}")

    async def _end_with(self, ending: dict[str, Any]) -> None:
        set_by_body = {"follow_up_actions": self.follow_up_actions, "rating": self.rating}
        try:
            request = checked(CompleteRequest, **ending, **set_by_body)
        except InputError:
            # The end itself is recorded all the same.
            await self._end(checked(CompleteRequest, **ending))
            raise
        await self._end(request)


def _full_name(kind: type[BaseException]) -> str:
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"[:NAME_CHARS]

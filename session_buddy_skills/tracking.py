"""A piece of work that is tracked while it runs, for programs that use the service in-process."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from session_buddy_skills.errors import StorageError
from session_buddy_skills.models import CompleteRequest, Outcome, TrackRequest, checked
from session_buddy_skills.results import Receipt
from session_buddy_skills.settings import NAME_CHARS

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
        ending: dict[str, Any] = {"outcome": self.outcome}
        if isinstance(error, Exception):
            ending = {"outcome": Outcome.FAILED, "error_type": _full_name(type(error))}
        elif error is not None:
            ending = {"outcome": Outcome.ABANDONED}
        request = checked(
            CompleteRequest,
            invocation_id=self.invocation_id,
            follow_up_actions=self.follow_up_actions,
            rating=self.rating,
            **ending,
        )
        try:
            await self._end(request)
        except StorageError as failure:
            if error is None:
                raise
            # What went wrong in the body matters more to whoever called it.
            logger.error("the end of %s was not recorded: %s", self.invocation_id, failure)
            error.add_note(f"its end was not recorded: {failure}")


def _full_name(kind: type[BaseException]) -> str:
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"[:NAME_CHARS]

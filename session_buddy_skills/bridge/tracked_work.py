"""A piece of work around which a run of a skill is recorded, with how it ended."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any, Self

from session_buddy_skills.bridge.recorder import Recorder
from session_buddy_skills.bridge.runs import Outcome

logger = logging.getLogger(__name__)
_UNTOLD = object()


class TrackedWork:
    """One use of a skill, from entering to leaving, with or without `async`.

    It ends as `outcome`, which is completed unless set or the `result` says otherwise, and unknown
    where that breaks when it is asked; failed, with the exception's type, when the body raises;
    abandoned when it is cancelled or interrupted. A failure's `error_type` is the result's where
    none is set.
    """

    __slots__ = (
        "__weakref__",
        "_fields",
        "_recorder",
        "error_type",
        "follow_up_actions",
        "outcome",
        "result",
        "run",
    )

    def __init__(self, recorder: Recorder, fields: dict[str, Any]) -> None:
        self.result: object = None
        """What the work came to; with `success` False in it, the work has failed."""
        self.outcome: Any = None
        self.error_type: str | None = None
        self.follow_up_actions: list[str] = []
        self._recorder = recorder
        self._fields = fields

    def __enter__(self) -> Self:
        self.run = self._recorder.start(self._fields)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        outcome, error_type = self.outcome, self.error_type
        if kind is not None:
            outcome, error_type = broken_off_by(kind)
        elif self.result is not None:
            outcome, error_type = self._as_result_tells(outcome, error_type)
        elif outcome is None:
            outcome = "completed" if error_type is None else "failed"
        try:
            actions = self.follow_up_actions and [text_of(one) for one in self.follow_up_actions]
            self.run.end(outcome, error_type=error_type, follow_up_actions=actions or None)
        except TypeError as wrong:
            if kind is None:
                raise
            # What went wrong in the body matters more to whoever called it.
            run_id = self.run.invocation_id
            logger.error("the end of %s was not recorded as set: %s", run_id, wrong)
            self.run.end(outcome, error_type=error_type)

    def _as_result_tells(self, outcome: Any, error_type: str | None) -> tuple[Any, str | None]:
        """These, and from the result what is not set."""
        if outcome is None:
            success = told_by(self.result, "success", broken=_UNTOLD)
            failed = success is False or error_type is not None
            outcome = "failed" if failed else "unknown" if success is _UNTOLD else "completed"
        if outcome == "failed" and error_type is None:
            told = told_by(self.result, "error_type")
            error_type = told if isinstance(told, str) else None
        return outcome, error_type

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)


def broken_off_by(kind: type[BaseException]) -> tuple[Outcome, str | None]:
    """How work ended that raised this, and its name: with the module's, unless Python's own."""
    if not issubclass(kind, Exception):  # nor are asyncio's and trio's cancellations one
        return "abandoned", None
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return "failed", f"{module}{kind.__qualname__}"


def text_of(thing: object) -> str:
    """Its text; of what raises when it is asked for that, the name of its type."""
    try:
        return str(thing)
    except Exception:  # as in `told_by`
        logger.exception("a %s has no text", type(thing).__name__)
        return type(thing).__name__


def told_by(thing: object, name: str, *, broken: object = None) -> object:
    """What a dict or an object of others says under this name, or None; `broken`, if it raises."""
    try:
        return thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)
    except Exception:  # what others compute must not end the work that is tracked
        logger.exception("%s of a %s cannot be told", name, type(thing).__name__)
        return broken

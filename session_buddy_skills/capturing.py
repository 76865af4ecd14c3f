"""What is captured of skills by itself, as it becomes known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from session_buddy_skills.imports import ImportedInvocation, full_names
from session_buddy_skills.intake import Intake
from session_buddy_skills.storage.capture_store import CaptureStore
from session_buddy_skills.storage.import_store import ImportStore


class Capturing:
    """Every use case of capture, once."""

    def __init__(self, store: CaptureStore, imports: ImportStore, intake: Intake) -> None:
        self._store = store
        self._imports = imports
        self._intake = intake

    async def full_names(self) -> Mapping[str, str]:
        """Names of plugins' skills in the catalog, by their short ones."""
        return full_names(await self._imports.names_in_catalog())

    async def keep(self, told: Sequence[tuple[ImportedInvocation, UUID | None]]) -> int:
        """Record what is known so far, each with the id that it had before if that was another.

        Answers with how many are new or better known.
        """
        whole = [(self._intake.whole(one), former) for one, former in told]
        return await self._store.keep(whole) if whole else 0

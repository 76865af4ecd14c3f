"""Every kind of history that can be imported."""

from __future__ import annotations

from pathlib import Path

from session_buddy_skills.importers.json_documents import JsonDocuments
from session_buddy_skills.importers.own_export import OwnExports
from session_buddy_skills.importers.s0 import S0Stores
from session_buddy_skills.importers.session_buddy import SessionBuddyStores
from session_buddy_skills.importers.transcripts import Transcripts
from session_buddy_skills.imports import Importer, Kind

IMPORTERS: tuple[Importer, ...] = (
    JsonDocuments(),
    S0Stores(),
    SessionBuddyStores(),
    Transcripts(),
    OwnExports(),
)
BY_KIND: dict[Kind, Importer] = {one.kind: one for one in IMPORTERS}


def discover(home: Path, here: Path) -> dict[Kind, list[Path]]:
    """Where there are histories, of this user and in this folder."""
    found = {one.kind: one.discover(home, here) for one in IMPORTERS}
    return {kind: paths for kind, paths in found.items() if paths}

"""Groups of skills in and out of the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from session_buddy_skills.storage.database import Connection, Database
from session_buddy_skills.storage.retrying import read, write_in_turn


@dataclass(frozen=True, slots=True)
class Cluster:
    """One group, as it is stored; its members with their closeness."""

    cluster_id: UUID
    cluster_name: str
    terms: list[str]
    model: str | None
    created_at: datetime
    changed_at: datetime
    members: dict[str, float]


Become = Callable[[list[Cluster]], list[Cluster]]
"""What stored groups become. Nothing is written meanwhile, so it must be quick."""


class ClusterStore:
    """Reads and replaces the groups."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def clusters(self, model: str | None) -> list[Cluster]:
        """Those that are stored of a model, or of words alone."""
        return await read(self._database, lambda connection: _stored(connection, model))

    async def renew(self, model: str | None, become: Become) -> list[Cluster]:
        """Store what those that are stored of a model become, in place of them; answers with it."""

        async def work(connection: Connection) -> list[Cluster]:
            stored = await _stored(connection, model)
            clusters = become(stored)
            if by_id(clusters) == by_id(stored):
                return clusters
            await connection.execute("delete_cluster_members", {"model": model})
            await connection.execute("delete_clusters", {"model": model})
            for one in clusters:
                row = {name: value for name, value in asdict(one).items() if name != "members"}
                await connection.execute("insert_cluster", row)
            await connection.execute("insert_cluster_members", _columns(clusters))
            return clusters

        return await write_in_turn(self._database, "clusters", work)


def by_id(clusters: Sequence[Cluster]) -> dict[UUID, Cluster]:
    """The groups, in no order."""
    return {one.cluster_id: one for one in clusters}


async def _stored(connection: Connection, model: str | None) -> list[Cluster]:
    members: dict[UUID, dict[str, float]] = {}
    for row in await connection.fetch("cluster_members"):
        own = members.setdefault(row["cluster_id"], {})
        own[row["skill_name"]] = row["closeness"]
    rows = await connection.fetch("clusters", {"model": model})
    return [Cluster(**row, members=members.get(row["cluster_id"], {})) for row in rows]


def _columns(clusters: Sequence[Cluster]) -> dict[str, list[Any]]:
    members = [
        (name, one.cluster_id, closeness)
        for one in clusters
        for name, closeness in one.members.items()
    ]
    return {
        "skill_names": [name for name, _, _ in members],
        "cluster_ids": [cluster_id for _, cluster_id, _ in members],
        "closenesses": [closeness for _, _, closeness in members],
    }

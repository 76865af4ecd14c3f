"""Groups of skills in and out of the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from session_buddy_skills.storage.database import Connection, Database
from session_buddy_skills.storage.retrying import read, write_repeatably


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


class ClusterStore:
    """Reads and replaces the groups."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def clusters(self) -> list[Cluster]:
        """All that are stored."""

        async def work(connection: Connection) -> list[Cluster]:
            members: dict[UUID, dict[str, float]] = {}
            for row in await connection.fetch("cluster_members"):
                own = members.setdefault(row["cluster_id"], {})
                own[row["skill_name"]] = row["closeness"]
            rows = await connection.fetch("clusters")
            return [Cluster(**row, members=members.get(row["cluster_id"], {})) for row in rows]

        return await read(self._database, work)

    async def replace(self, clusters: Sequence[Cluster]) -> None:
        """Store these in place of all others."""
        members = [
            (name, one.cluster_id, closeness)
            for one in clusters
            for name, closeness in one.members.items()
        ]
        columns = {
            "skill_names": [name for name, _, _ in members],
            "cluster_ids": [cluster_id for _, cluster_id, _ in members],
            "closenesses": [closeness for _, _, closeness in members],
        }

        async def work(connection: Connection) -> None:
            await connection.execute("delete_clusters")
            await connection.execute("delete_cluster_members")
            for one in clusters:
                row = {name: value for name, value in asdict(one).items() if name != "members"}
                await connection.execute("insert_cluster", row)
            await connection.execute("insert_cluster_members", columns)

        await write_repeatably(self._database, work)

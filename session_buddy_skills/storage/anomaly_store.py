"""Episodes of anomalies in and out of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from session_buddy_skills.storage.database import Connection, Database, Row
from session_buddy_skills.storage.retrying import write_repeatably

Key = tuple[str, str]
"""A skill, and the type of anomaly: of each there is one open episode at most of what is asked."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was looked at: another project, or other windows, have episodes of their own."""

    project: str | None
    time_window_hours: float
    baseline_hours: float


class AnomalyStore:
    """Begins, continues and ends episodes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settle(
        self,
        asked: Asked,
        found: Mapping[Key, Mapping[str, Any]],
        normal: Set[Key],
        now: datetime,
    ) -> tuple[list[Row], list[Row]]:
        """Bring the episodes into step with what was found and what is back to normal.

        What could not be tested for as long as the baseline ends as well.

        Answers with those that are open afterwards, oldest first, and those that ended.
        """

        async def work(connection: Connection) -> tuple[list[Row], list[Row]]:
            await connection.execute("look_for_anomalies", {"now": now})
            before = await connection.fetch("open_anomalies", asdict(asked))
            known = {(row["skill_name"], row["anomaly_type"]): row for row in before}
            for key, values in found.items():
                if key in known:
                    again = {"anomaly_id": known[key]["anomaly_id"], "now": now}
                    await connection.execute("update_anomaly", {**values, **again})
                else:
                    names = {"skill_name": key[0], "anomaly_type": key[1], **asdict(asked)}
                    new = {"anomaly_id": uuid7(), "now": now}
                    await connection.execute("insert_anomaly", {**values, **names, **new})
            forgotten = now - timedelta(hours=asked.baseline_hours)
            ended = [
                row
                for key, row in known.items()
                if key in normal or (key not in found and row["last_seen_at"] < forgotten)
            ]
            for row in ended:
                parameters = {"anomaly_id": row["anomaly_id"], "now": now}
                await connection.execute("resolve_anomaly", parameters)
            after = await connection.fetch("open_anomalies", asdict(asked))
            return after, [row | {"resolved_at": now} for row in ended]

        return await write_repeatably(self._database, work)

    async def acknowledge(self, anomaly_id: UUID, note: str | None, now: datetime) -> Row | None:
        """That somebody knows of an episode; None if there is no such."""

        async def work(connection: Connection) -> Sequence[Row]:
            parameters = {"anomaly_id": anomaly_id, "note": note, "now": now}
            await connection.execute("acknowledge_anomaly", parameters)
            return await connection.fetch("anomaly", {"anomaly_id": anomaly_id})

        rows = await write_repeatably(self._database, work)
        return rows[0] if rows else None

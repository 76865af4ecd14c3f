"""The tool that takes histories in, with progress while it does."""

from __future__ import annotations

from collections.abc import Mapping

from fastmcp.server.dependencies import get_context

from session_buddy_skills.import_reports import ImportReport
from session_buddy_skills.import_run import Progress
from session_buddy_skills.imports import Importer, ImportRequest, Kind
from session_buddy_skills.service import Service
from session_buddy_skills.tools.service_tool import ServiceTool, service_tool


class _Notified(Progress):
    """Tells the client, if it asked for that."""

    def __init__(self) -> None:
        self._total = 0
        self._told = -1

    async def begin(self, total_bytes: int) -> None:
        self._total = total_bytes
        await self.at(0, 0)

    async def at(self, done_bytes: int, records: int) -> None:
        # MCP has progress grow each time; what is read and not yet written is none in bytes.
        if done_bytes > self._told:
            self._told = done_bytes
            message = f"{records:,} invocations"
            await get_context().report_progress(done_bytes, self._total, message)


def importing_tools(importers: Mapping[Kind, Importer]) -> tuple[ServiceTool, ...]:
    """The tool, with what it can read."""

    async def import_metrics(service: Service, request: ImportRequest) -> ImportReport:
        return await service.imports.run_inside(importers[request.kind], request, _Notified())

    return (
        service_tool(
            "import_metrics",
            "Take in history: skill_metrics.json, skills.db, Claude Code's transcripts, or an "
            "export. What is there already counts once; what came is told by run, and the command "
            "`import --undo` takes it out again.",
            ImportRequest,
            ImportReport,
            import_metrics,
            read_only=False,
            takes_long=True,
        ),
    )

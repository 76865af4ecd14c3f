"""Tools that judge what is recorded."""

from __future__ import annotations

from session_buddy_skills.service import Service
from session_buddy_skills.tools.service_tool import service_tool
from session_buddy_skills.workflow import (
    BottleneckAnswer,
    BottleneckRequest,
    EffectivenessAnswer,
    EffectivenessRequest,
)


async def _effectiveness(service: Service, request: EffectivenessRequest) -> EffectivenessAnswer:
    return await service.workflow.effectiveness(request)


async def _bottlenecks(service: Service, request: BottleneckRequest) -> BottleneckAnswer:
    return await service.workflow.bottlenecks(request)


ANALYSING_TOOLS = (
    service_tool(
        "skill_effectiveness",
        "How each skill does in each workflow phase: counts by outcome, completion rate with its "
        "95 % interval, durations; surest first.",
        EffectivenessRequest,
        EffectivenessAnswer,
        _effectiveness,
        read_only=True,
    ),
    service_tool(
        "workflow_bottlenecks",
        "Which workflow phases hold work back, since they lose it or are slow: abandonment and "
        "loss rates with their 95 % intervals, durations, share of all time, a score and how "
        "severe it is.",
        BottleneckRequest,
        BottleneckAnswer,
        _bottlenecks,
        read_only=True,
    ),
)

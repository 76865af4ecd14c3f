"""Tools that judge what is recorded."""

from __future__ import annotations

from session_buddy_skills.activity import (
    HourlyAnswer,
    HourlyRequest,
    RealTimeAnswer,
    RealTimeRequest,
    RecentAnswer,
    RecentRequest,
    SessionsAnswer,
    SessionsRequest,
)
from session_buddy_skills.changes import (
    AcknowledgeRequest,
    AnomaliesAnswer,
    AnomaliesRequest,
    Anomaly,
    TrendAnswer,
    TrendRequest,
)
from session_buddy_skills.community import (
    BaselinesAnswer,
    BaselinesRequest,
    CollaborativeAnswer,
    CollaborativeRequest,
    DependenciesAnswer,
    DependenciesRequest,
)
from session_buddy_skills.service import Service
from session_buddy_skills.tools.service_tool import service_tool
from session_buddy_skills.workflow import (
    BottleneckAnswer,
    BottleneckRequest,
    EffectivenessAnswer,
    EffectivenessRequest,
    HeatmapAnswer,
    HeatmapRequest,
    ReportAnswer,
    ReportRequest,
    TransitionsAnswer,
    TransitionsRequest,
)


async def _effectiveness(service: Service, request: EffectivenessRequest) -> EffectivenessAnswer:
    return await service.analyses.workflow.effectiveness(request)


async def _bottlenecks(service: Service, request: BottleneckRequest) -> BottleneckAnswer:
    return await service.analyses.workflow.bottlenecks(request)


async def _transitions(service: Service, request: TransitionsRequest) -> TransitionsAnswer:
    return await service.analyses.workflow.transitions(request)


async def _heatmap(service: Service, request: HeatmapRequest) -> HeatmapAnswer:
    return await service.analyses.workflow.heatmap(request)


async def _report(service: Service, request: ReportRequest) -> ReportAnswer:
    return await service.analyses.workflow.report(request)


async def _dependencies(service: Service, request: DependenciesRequest) -> DependenciesAnswer:
    return await service.analyses.community.dependencies(request)


async def _anomalies(service: Service, request: AnomaliesRequest) -> AnomaliesAnswer:
    return await service.analyses.changes.anomalies(request)


async def _acknowledge(service: Service, request: AcknowledgeRequest) -> Anomaly:
    return await service.analyses.changes.acknowledge(request)


async def _trend(service: Service, request: TrendRequest) -> TrendAnswer:
    return await service.analyses.changes.trend(request)


async def _hourly(service: Service, request: HourlyRequest) -> HourlyAnswer:
    return await service.analyses.activity.hourly(request)


async def _real_time(service: Service, request: RealTimeRequest) -> RealTimeAnswer:
    return await service.analyses.activity.real_time(request)


async def _sessions(service: Service, request: SessionsRequest) -> SessionsAnswer:
    return await service.analyses.activity.sessions(request)


async def _recent(service: Service, request: RecentRequest) -> RecentAnswer:
    return await service.analyses.activity.recent(request)


async def _baselines(service: Service, request: BaselinesRequest) -> BaselinesAnswer:
    return await service.analyses.users.baselines(request)


async def _collaborative(service: Service, request: CollaborativeRequest) -> CollaborativeAnswer:
    return await service.analyses.users.collaborative(request)


ANALYSING_TOOLS = (
    service_tool(
        "workflow_report",
        "How work goes: what works in which workflow phase, where work gets stuck, what follows "
        "what, and the surest skill of each phase; as Markdown or as data.",
        ReportRequest,
        ReportAnswer,
        _report,
        read_only=True,
    ),
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
    service_tool(
        "phase_transitions",
        "Which phase follows which in sessions: how often, with what probability, after how long, "
        "and with which skill most often; steps that stay in a phase apart.",
        TransitionsRequest,
        TransitionsAnswer,
        _transitions,
        read_only=True,
    ),
    service_tool(
        "phase_heatmap",
        "The most used skills across workflow phases, by number of invocations, completion rate "
        "or median duration: a table to read, and the same as data.",
        HeatmapRequest,
        HeatmapAnswer,
        _heatmap,
        read_only=True,
    ),
    service_tool(
        "get_skill_dependencies",
        "Which skills are used in the same sessions: how often, how much more often than chance "
        "would have them (lift, with its interval and p-value), and which comes first.",
        DependenciesRequest,
        DependenciesAnswer,
        _dependencies,
        read_only=True,
    ),
    service_tool(
        "detect_anomalies",
        "What has changed about skills: completion rate, duration, use or mix of phases in the "
        "last hours against the time before, with p-values that allow for all tests. Each finding "
        "is kept as an episode until it is back to normal.",
        AnomaliesRequest,
        AnomaliesAnswer,
        _anomalies,
        read_only=False,
    ),
    service_tool(
        "acknowledge_anomaly",
        "Say that an anomaly is known, with a note if there is something to say of it.",
        AcknowledgeRequest,
        Anomaly,
        _acknowledge,
        read_only=False,
    ),
    service_tool(
        "get_skill_trend",
        "Whether a skill gets better or worse from day to day: the slope of its completion rate, "
        "duration or use, with its 95 % interval and p-value.",
        TrendRequest,
        TrendAnswer,
        _trend,
        read_only=True,
    ),
    service_tool(
        "hourly_metrics",
        "One skill, or all together, hour by hour: invocations, completion rate, duration, "
        "sessions; hours without any are there with zeros.",
        HourlyRequest,
        HourlyAnswer,
        _hourly,
        read_only=True,
    ),
    service_tool(
        "get_real_time_metrics",
        "Which skills are in use now, most used first, with how they do and what still runs.",
        RealTimeRequest,
        RealTimeAnswer,
        _real_time,
        read_only=True,
    ),
    service_tool(
        "recent_sessions",
        "The sessions of late, last active first: how much each did and how it went.",
        SessionsRequest,
        SessionsAnswer,
        _sessions,
        read_only=True,
    ),
    service_tool(
        "recent_invocations",
        "Single invocations, newest first, of a session, a skill, a project or all: the request, "
        "how each was called, how it ended and how long it took.",
        RecentRequest,
        RecentAnswer,
        _recent,
        read_only=True,
    ),
    service_tool(
        "get_community_baselines",
        "How each skill does over all users: users, completion rate, typical duration, commonest "
        "phase, rank among skills; and how far one user differs from the others.",
        BaselinesRequest,
        BaselinesAnswer,
        _baselines,
        read_only=True,
    ),
    service_tool(
        "get_collaborative_recommendations",
        "Skills that a user has not used and that users of like success do well with; then what "
        "is popular, named as such.",
        CollaborativeRequest,
        CollaborativeAnswer,
        _collaborative,
        read_only=True,
    ),
)

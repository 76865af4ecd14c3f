"""Tools that try strategies side by side."""

from __future__ import annotations

from session_buddy_skills.ab_tests import (
    AbAnalysis,
    AbTest,
    AbTestsAnswer,
    AnalyzeRequest,
    Assignment,
    AssignRequest,
    CreateTestRequest,
    ListTestsRequest,
    OutcomeReceipt,
    OutcomeRequest,
    StopRequest,
)
from session_buddy_skills.service import Service
from session_buddy_skills.tools.service_tool import service_tool


async def _create(service: Service, request: CreateTestRequest) -> AbTest:
    return await service.analyses.ab_tests.create(request)


async def _list(service: Service, _request: ListTestsRequest) -> AbTestsAnswer:
    return await service.analyses.ab_tests.tests()


async def _assign(service: Service, request: AssignRequest) -> Assignment:
    return await service.analyses.ab_tests.assign(request)


async def _record(service: Service, request: OutcomeRequest) -> OutcomeReceipt:
    return await service.analyses.ab_tests.record(request)


async def _analyze(service: Service, request: AnalyzeRequest) -> AbAnalysis:
    return await service.analyses.ab_tests.analyze(request)


async def _stop(service: Service, request: StopRequest) -> AbTest:
    return await service.analyses.ab_tests.stop(request)


AB_TESTING_TOOLS = (
    service_tool(
        "create_ab_test",
        "Begin an A/B test of two strategies, such as two ways to recommend skills: half of the "
        "users get the one, half the other, until each group has sample_size runs.",
        CreateTestRequest,
        AbTest,
        _create,
        read_only=False,
    ),
    service_tool(
        "list_ab_tests",
        "The A/B tests that run or ran, newest first.",
        ListTestsRequest,
        AbTestsAnswer,
        _list,
        read_only=True,
    ),
    service_tool(
        "assign_ab_test",
        "Which strategy of an A/B test a user gets: the same each time and on every machine.",
        AssignRequest,
        Assignment,
        _assign,
        read_only=False,
    ),
    service_tool(
        "record_ab_test_outcome",
        "How one run went of a user who has a group in an A/B test.",
        OutcomeRequest,
        OutcomeReceipt,
        _record,
        read_only=False,
        idempotent=False,
    ),
    service_tool(
        "analyze_ab_test",
        "How an A/B test stands: completion rates and durations of both groups, their differences "
        "with intervals and p-values, and a verdict that holds however often it is looked at.",
        AnalyzeRequest,
        AbAnalysis,
        _analyze,
        read_only=True,
    ),
    service_tool(
        "stop_ab_test",
        "End an A/B test: it takes no new users and no more outcomes; what is recorded stays.",
        StopRequest,
        AbTest,
        _stop,
        read_only=False,
    ),
)

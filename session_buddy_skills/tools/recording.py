"""Tools that record invocations."""

from __future__ import annotations

from session_buddy_skills.models import BatchRequest, CompleteRequest, TrackRequest
from session_buddy_skills.results import BatchReceipt, Receipt
from session_buddy_skills.service import Service
from session_buddy_skills.tools.service_tool import service_tool

RECORDING_TOOLS = (
    service_tool(
        "track_invocation",
        "Record that a use of a skill starts. Answers with its invocation_id, to end it with "
        "complete_invocation. What is answered is on disk. With an invocation_id of your own, "
        "sending the same again changes nothing.",
        TrackRequest,
        Receipt,
        Service.track_invocation,
        read_only=False,
    ),
    service_tool(
        "complete_invocation",
        "Record how a use of a skill ended: by invocation_id, or by session_id and skill_name for "
        "the newest one that is pending. The same end twice changes nothing; another end for one "
        "that has ended is an error that says what is stored.",
        CompleteRequest,
        Receipt,
        Service.complete_invocation,
        read_only=False,
    ),
    service_tool(
        "record_invocations",
        "Record up to 1,000 whole invocations, with their starts and ends, all or none. For hooks, "
        "importers and replays. Those with an invocation_id that is stored already are not "
        "counted twice.",
        BatchRequest,
        BatchReceipt,
        Service.record_invocations,
        read_only=False,
    ),
)

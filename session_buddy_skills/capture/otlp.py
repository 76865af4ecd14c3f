"""`POST /v1/logs`: takes the telemetry of Claude Code, over OTLP as JSON or protobuf."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from anyio import to_thread
from fastmcp import FastMCP
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from session_buddy_skills import spool
from session_buddy_skills.capture import hook
from session_buddy_skills.capture.telemetry import Json, events_of
from session_buddy_skills.errors import InputError
from session_buddy_skills.http_bodies import TooLargeError, body_of, object_of
from session_buddy_skills.limits import BODY_BYTES
from session_buddy_skills.settings import Settings

JSON, PROTOBUF = "application/json", "application/x-protobuf"


def add_otlp(mcp: FastMCP[Any], settings: Callable[[], Settings]) -> None:
    """Add the route; what comes is spooled as what hooks tell is."""

    @mcp.custom_route("/v1/logs", methods=["POST"])
    async def logs(request: Request) -> Response:
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        try:
            export = _export(await _plain(request), kind)
        except TooLargeError as error:
            return _failure(413, error)
        except InputError as error:
            return _failure(415 if kind not in (JSON, PROTOBUF) else 400, error)
        try:
            await to_thread.run_sync(_keep, export, settings())
        except OSError as error:
            return _failure(503, error)
        # An answer without anything says that all of it was taken.
        return Response(b"{}" if kind == JSON else b"", media_type=kind)


def _keep(export: Json, own: Settings) -> None:
    events = [hook.private(one, own.prompts) for one in events_of(export)]
    if events:
        spool.put(own.locations.events, events)


async def _plain(request: Request) -> bytes:
    """The body as it was before it was compressed."""
    body = await body_of(request)
    how = request.headers.get("content-encoding", "identity")
    if how == "identity":
        return body
    if how != "gzip":
        raise InputError(f"the content-encoding must be gzip or identity, not {how!r}.")
    unpacking = zlib.decompressobj(wbits=31)
    try:
        plain = unpacking.decompress(body, BODY_BYTES)
    except zlib.error as error:
        raise InputError(f"the body is not gzip: {error}.") from error
    if unpacking.unconsumed_tail:
        raise TooLargeError(f"the body must have at most {BODY_BYTES} bytes.")
    if not unpacking.eof:
        raise InputError("the body is not gzip: it has no end.")
    return plain


def _export(body: bytes, kind: str) -> Json:
    """The export, as JSON has it."""
    if kind == PROTOBUF:
        # Most servers never need it.
        from google.protobuf.json_format import MessageToDict
        from google.protobuf.message import DecodeError
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

        try:
            message = ExportLogsServiceRequest.FromString(body)
        except DecodeError as error:
            raise InputError("the body is not an ExportLogsServiceRequest.") from error
        found: Json = MessageToDict(message)
        return found
    if kind != JSON:
        raise InputError(f"the content-type must be {JSON} or {PROTOBUF}, not {kind!r}.")
    return object_of(body)


def _failure(status: int, error: Exception) -> Response:
    return JSONResponse({"message": str(error)}, status)

"""Claude Code's telemetry gives the same invocations as its hooks."""

from __future__ import annotations

import gzip
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from session_buddy_skills.capture.events import EventIntake
from session_buddy_skills.capture.telemetry import REDACTED
from session_buddy_skills.capture.telemetry import events_of as told_by
from session_buddy_skills.claude_code.invocations import id_of
from session_buddy_skills.claude_code.ordering import Event
from session_buddy_skills.importers.transcripts import Transcripts
from session_buddy_skills.imports import Ordered
from session_buddy_skills.limits import BODY_BYTES
from session_buddy_skills.locations import PREFIX, Locations
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service
from tests.capture.test_events import in_scene, put, recorded
from tests.capture.test_hook import spooled
from tests.claude_code.scenes import (
    EXPECTED,
    SCENES,
    account_of,
    events_of,
    expected,
    hooked,
    key,
    needs_scenes,
    told,
    transcripts_of,
)
from tests.conftest import ServerProcess, start_server
from tests.invocations import all_invocations

TELLING = [scene for scene in EXPECTED if (SCENES / scene / "otel").is_dir()]
TELEMETRY_CANNOT_KNOW = {
    "03-unknown-skill": "a call that could not be made is not told of",
}


def exports(scene: str) -> list[dict[str, Any]]:
    found = [json.loads(file.read_bytes()) for file in sorted((SCENES / scene / "otel").iterdir())]
    return [one for one in found if "resourceLogs" in one]


def telemetry(scene: str) -> list[Event]:
    return [event for export in exports(scene) for event in told_by(export)]


@needs_scenes
@pytest.mark.parametrize("scene", TELLING)
def test_telemetry_alone(scene: str) -> None:
    found = sorted(map(told, account_of(hooked(telemetry(scene)), {})), key=key)
    if scene in TELEMETRY_CANNOT_KNOW:
        print(f"{scene}: {TELEMETRY_CANNOT_KNOW[scene]}")  # noqa: T201 - the list, with -rP
        assert found == []
    else:
        assert found == expected(scene)


@needs_scenes
@pytest.mark.parametrize("scene", TELLING)
def test_telemetry_with_hooks_and_transcript(scene: str) -> None:
    both = hooked(telemetry(scene) + events_of(scene))
    assert sorted(map(told, account_of(both, {})), key=key) == expected(scene)
    all_three = account_of(both, transcripts_of(scene))
    assert sorted(map(told, all_three), key=key) == expected(scene)


@needs_scenes
@pytest.mark.parametrize("scene", ["01-model-skill", "04a-slash-skill", "06a-subagent-foreground"])
def test_without_details_nothing_is_made_up(scene: str) -> None:
    """As Claude Code tells it unless it is told to name skills and tools."""
    hidden = {"tool_input", "tool_parameters", "command_name"}
    export = exports(scene)
    for record in (
        record
        for one in export
        for resource in one["resourceLogs"]
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    ):
        record["attributes"] = [one for one in record["attributes"] if one["key"] not in hidden]
        for one in record["attributes"]:
            if one["key"] in ("skill.name", "prompt"):
                stands = "custom_skill" if one["key"] == "skill.name" else REDACTED
                one["value"] = {"stringValue": stands}
    little = [event for one in export for event in told_by(one)]
    assert account_of(hooked(little), {}) == []
    both = account_of(hooked(little + events_of(scene)), {})
    assert sorted(map(told, both), key=key) == expected(scene)


def post(url: str, body: bytes, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"{url}/v1/logs", body, named)  # noqa: S310 - http://127.0.0.1
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - likewise
        assert answer.headers["content-type"] == named["content-type"]
        content: bytes = answer.read()
    return content


def as_json(export: dict[str, Any]) -> bytes:
    return json.dumps(export).encode()


def as_protobuf(export: dict[str, Any]) -> bytes:
    content: bytes = ParseDict(export, ExportLogsServiceRequest()).SerializeToString()
    return content


FORMATS: dict[str, tuple[Callable[[dict[str, Any]], bytes], bytes]] = {
    "application/json": (as_json, b"{}"),
    "application/x-protobuf": (as_protobuf, b""),
}


@needs_scenes
@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_a_server_takes_it_in_both_formats_packed_or_not(kind: str, tmp_path: Path) -> None:
    encoded, nothing = FORMATS[kind]
    server = start_server(tmp_path / "server")
    try:
        for number, scene in enumerate(TELLING):
            for export in exports(scene):
                body, packed = encoded(export), number % 2
                extra = {"content_encoding": "gzip"} if packed else {}
                body = gzip.compress(body) if packed else body
                assert post(server.url, body, content_type=kind, **extra) == nothing
    finally:
        server.stop()
    found = [told_of(one) for one in taken(server.data_dir)]
    assert sorted(found, key=str) == sorted(
        (told_of(one) for scene in TELLING for one in telemetry(scene)), key=str
    )


def told_of(event: Event) -> tuple[object, ...]:
    names = ("hook_event_name", "session_id", "prompt_id", "tool_use_id", "agent_id", "at")
    return tuple(event.get(name) for name in names)


def taken(data_dir: Path) -> list[Event]:
    """What has been taken in, and what still waits."""
    journals = (Locations(data_dir).events / "sessions").glob("*.jsonl")
    lines = [json.loads(line) for one in journals for line in one.read_text().splitlines()]
    return lines + spooled(data_dir)


@needs_scenes
async def test_what_both_tell_of_is_recorded_once(service: Service, tmp_path: Path) -> None:
    folder, scene = tmp_path / "events", "06a-subagent-foreground"
    put(folder, *in_scene(scene))
    intake = EventIntake(service, folder)
    await intake.take_in()
    put(folder, *telemetry(scene))
    await intake.take_in()
    assert await recorded(service) == expected(scene)


@needs_scenes
@pytest.mark.parametrize("engine", ["duckdb", "postgresql"], indirect=True)
async def test_telemetry_after_an_import_tells_of_nothing_twice(
    service: Service, tmp_path: Path
) -> None:
    scenes = [scene for scene in ("04a-slash-skill", "01-model-skill") if scene in TELLING]
    paths = [SCENES / scene / "transcript/projects" for scene in scenes]
    order = checked(Ordered, kind="claude-code", paths=paths)
    assert (await service.imports.run(Transcripts(), order)).added == len(scenes)
    imported = await recorded(service)
    folder = tmp_path / "events"
    for _ in range(2):
        put(folder, *(event for scene in scenes for event in telemetry(scene)))
        await EventIntake(service, folder).take_in()
        assert await recorded(service) == imported
        assert (await service.imports.run(Transcripts(), order)).added == 0
        assert await recorded(service) == imported


async def test_of_two_alike_each_is_told_once(service: Service, tmp_path: Path) -> None:
    """Slash commands three seconds apart: an import has both, telemetry tells of them in turn."""

    def line(second: int, key: str, content: object, **fields: object) -> str:
        at = f"2026-11-23T05:30:{second}.000Z"
        told = {"type": "user", "message": {"role": "user", "content": content}, "timestamp": at}
        return json.dumps(told | {"sessionId": "s", "uuid": key} | fields) + "\n"

    def typed(second: int, words: str) -> str:
        command = (
            "<command-message>k</command-message>\n<command-name>/k</command-name>\n"
            f"<command-args>{words}</command-args>"
        )
        body = [{"type": "text", "text": "Base directory for this skill: /k"}]
        return line(second, f"u{second}", command) + line(second, f"b{second}", body, isMeta=True)

    (tmp_path / "s.jsonl").write_text(typed(10, "first") + typed(13, "second"))
    order = checked(Ordered, kind="claude-code", paths=[tmp_path / "s.jsonl"])
    await service.imports.run(Transcripts(), order)
    assert sorted(one.arguments or "" for one in await all_invocations(service)) == [
        "first", "second",
    ]  # fmt: skip
    intake = EventIntake(service, tmp_path / "events")
    expansion = {"hook_event_name": "UserPromptExpansion", "expansion_type": "slash_command"}
    for number, second in enumerate((10, 10, 13, 13)):
        told = {"session_id": "s", "prompt_id": f"p{second}", "command_name": "k"}
        at = {"at": f"2026-11-23T05:30:{second:02d}.{200 + number}+00:00"}
        put(tmp_path / "events", expansion | told | at)
        await intake.take_in()
        stored = await all_invocations(service)
        assert sorted(one.arguments or "" for one in stored) == ["first", "second"]
    assert {one.invocation_id for one in stored} == {id_of("p10"), id_of("p13")}


REFUSED: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "no JSON": (b"{", {"content_type": "application/json"}, 400, "must be a JSON object"),
    "no object": (b"[]", {"content_type": "application/json"}, 400, "must be a JSON object"),
    "no protobuf": (
        b"\xff\xff", {"content_type": "application/x-protobuf"}, 400,
        "is not an ExportLogsServiceRequest",
    ),
    "another type": (b"", {"content_type": "text/plain"}, 415, "not 'text/plain'"),
    "no gzip": (
        b"x", {"content_type": "application/json", "content_encoding": "gzip"}, 400, "is not gzip",
    ),
    "another encoding": (
        b"x", {"content_type": "application/json", "content_encoding": "br"}, 400, "not 'br'",
    ),
    "too large": (
        b"x" * (BODY_BYTES + 1), {"content_type": "application/json"}, 413, "must have at most",
    ),
    "too large once unpacked": (
        gzip.compress(b"x" * (BODY_BYTES + 1)),
        {"content_type": "application/json", "content_encoding": "gzip"}, 413, "must have at most",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_export_is_refused_with_a_sentence(case: str, empty_server: ServerProcess) -> None:
    body, headers, status, reason = REFUSED[case]
    with pytest.raises(HTTPError) as refused:
        post(empty_server.url, body, **headers)
    assert refused.value.code == status
    assert reason in json.loads(refused.value.read())["message"]


@needs_scenes
@pytest.mark.slow
def test_the_server_keeps_no_more_of_requests_than_it_may(tmp_path: Path) -> None:
    server = start_server(tmp_path / "server", prompts="none")
    try:
        for export in exports("01-model-skill"):
            post(server.url, as_json(export), content_type="application/json")
    finally:
        server.stop()
    text = "".join(one.read_text() for one in Locations(server.data_dir).events.rglob("*.jsonl"))
    assert "fix-lint" in text
    assert "clean up the lint" not in text
    assert f"{PREFIX}PROMPTS" not in text


ODD: list[Any] = [
    {"resourceLogs": 7},
    {"resourceLogs": [7, {"scopeLogs": [{"logRecords": [{"attributes": 7}]}]}]},
    {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"attributes": [{"key": "event.name"}]}]}]}]},
]


@pytest.mark.parametrize("export", ODD)
def test_odd_exports_tell_nothing(export: Any) -> None:
    assert list(told_by(export)) == []

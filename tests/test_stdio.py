"""A server in one process of its own, on standard input and output: `--isolated`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from tests.conftest import COMMAND, ROOT, environment, run_command

COMMANDS = [
    (*COMMAND, "--isolated"),
    (str(Path(sys.executable).with_name("session-buddy-skills")), "--isolated"),
    (str(Path(sys.executable).with_name("fastmcp")), "run", "server.py", "--no-banner"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=["python -m", "installed", "fastmcp run"])
async def test_a_client_records_and_asks(tmp_path: Path, command: tuple[str, ...]) -> None:
    program, *arguments = command
    transport = StdioTransport(
        program, arguments, env=environment(tmp_path), cwd=str(ROOT), log_file=tmp_path / "log"
    )
    async with Client(transport) as client:
        await client.call_tool("track_invocation", {"session_id": "s", "skill_name": "k"})
        end = {"session_id": "s", "skill_name": "k", "completed": True}
        await client.call_tool("complete_invocation", end)
        summary = (await client.call_tool("session_summary", {"session_id": "s"})).data
    assert summary.completed_invocations == 1


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        (*COMMAND, "--isolated"),
        env=environment(tmp_path),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with started:
        yield started
        started.kill()


def ask(process: subprocess.Popen[str], number: int, method: str, params: Any) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    assert answer["id"] == number
    return answer


def track(process: subprocess.Popen[str]) -> None:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {},
             "clientInfo": {"name": "t", "version": "1"}}  # fmt: skip
    ask(process, 1, "initialize", hello)
    call = {"name": "track_invocation", "arguments": {"session_id": "s", "skill_name": "k"}}
    assert not ask(process, 2, "tools/call", call)["result"]["isError"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_the_database_and_exits_with_zero(
    process: subprocess.Popen[str], tmp_path: Path, number: signal.Signals
) -> None:
    track(process)
    process.send_signal(number)
    assert process.wait(5) == 0
    assert not (tmp_path / "skills.duckdb.wal").exists()
    assert run_command(tmp_path, "db", "check").stdout == "1 invocation read, no faults\n"


def test_the_end_of_input_ends_it(process: subprocess.Popen[str], tmp_path: Path) -> None:
    track(process)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")


def test_only_the_protocol_is_on_standard_output(process: subprocess.Popen[str]) -> None:
    track(process)
    bad = {"name": "track_invocation", "arguments": {}}
    assert ask(process, 3, "tools/call", bad)["result"]["isError"]
    out, err = process.communicate(timeout=10)
    assert out == ""
    assert err.endswith(
        "track_invocation refused: session_id is required; skill_name is required.\n"
    )
    assert err.count("\n") == 1

"""Hosts that share one local server through their shims: real processes, killed and restarted."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from mcp.shared.inbound import decode_header_value

from session_buddy_skills import local_server, server_file
from session_buddy_skills.app import TOOLS
from session_buddy_skills.locations import Locations
from session_buddy_skills.server_file import ServerFile
from session_buddy_skills.shim.messages import (
    OWN_ID,
    header_value,
    may_be_sent_twice,
    uuid7,
    with_ids,
)
from session_buddy_skills.shim.warnings_of_server import LOOK_SECONDS
from tests.conftest import COMMAND, ROOT, environment, run_command, start_server

PROTOCOL = "io.modelcontextprotocol/protocolVersion"
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "t", "version": "1"},
}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Locations]:
    """A database whose server is stopped after the test, whoever has started it."""
    found = Locations(tmp_path / "data")
    yield found
    if (server := server_file.read(found.server_file)) is not None:
        process = psutil.Process(server.pid)
        process.terminate()
        process.wait(20)


class Host:
    """What an MCP host does with its server: lines out, lines in."""

    def __init__(self, own: Locations) -> None:
        self.process = subprocess.Popen(
            COMMAND,
            env=environment(own.data_dir, port=0),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._number = 0

    def send(self, method: str, params: Any, *, number: int | None = None) -> None:
        assert self.process.stdin is not None
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        message |= {} if number is None else {"id": number}
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def ask(self, method: str, params: Any) -> dict[str, Any]:
        self._number += 1
        self.send(method, params, number=self._number)
        answer = self.receive()
        assert answer["id"] == self._number
        return answer

    def call(self, tool: str, **arguments: Any) -> Any:
        result = self.ask("tools/call", {"name": tool, "arguments": arguments})["result"]
        assert not result["isError"], result
        return result["structuredContent"]

    def hello(self) -> None:
        answer = self.ask("initialize", HELLO)
        assert answer["result"]["protocolVersion"] == "2025-11-25"
        self.send("notifications/initialized", {})

    def end(self) -> None:
        out, _ = self.process.communicate(timeout=30)
        assert (self.process.returncode, out or "") == (0, "")


async def test_a_client_records_and_asks_in_both_eras(own: Locations) -> None:
    transport = StdioTransport(
        COMMAND[0], list(COMMAND[1:]), env=environment(own.data_dir, port=0), cwd=str(ROOT)
    )
    async with Client(transport) as client:
        await client.call_tool("track_invocation", {"session_id": "s", "skill_name": "k"})
        assert len(await client.list_tools()) > 30
        with pytest.raises(Exception, match="session_id is required"):
            await client.call_tool("session_summary", {})
    host = Host(own)
    host.hello()
    assert host.call("session_summary", session_id="s")["pending_invocations"] == 1
    host.end()


def test_twenty_hosts_at_once_share_one_server(own: Locations) -> None:
    hosts = [Host(own) for _ in range(20)]
    for host in hosts:
        host.send("initialize", HELLO, number=1)
    for host in hosts:
        assert host.receive()["result"]["serverInfo"]["name"] == "session-buddy-skills"
    for number, host in enumerate(hosts):
        host.call("track_invocation", session_id=f"s{number}", skill_name="k")
    assert hosts[0].call("health_check")["invocations"] == 20
    servers = [
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if "--any-port" in (process.info["cmdline"] or [])
        and str(own.data_dir) in (process.info["environ"] or {}).values()
    ]
    assert [process.pid for process in servers] == [server_of(own).pid]
    for host in hosts:
        host.end()


def server_of(own: Locations) -> ServerFile:
    found = server_file.read(own.server_file)
    assert found is not None
    return found


@pytest.mark.slow
def test_a_killed_server_is_replaced_and_nothing_is_lost_or_twice(own: Locations) -> None:
    """Five hosts record starts and ends without a pause, while the server is killed.

    The starts have no id of their own.

    Three of them ask to be told of progress, so that their answers are streams, which may be cut.
    """
    counts = [0] * 5
    over = threading.Event()

    def record(number: int) -> None:
        host = Host(own)
        host.hello()
        meta = {"_meta": {"progressToken": number}} if number < 3 else {}
        arguments = {"session_id": f"s{number}", "skill_name": "k"}
        asked = {"name": "track_invocation", "arguments": arguments, **meta}
        while not over.is_set():
            started = host.ask("tools/call", asked)["result"]
            assert not started["isError"]
            key = started["structuredContent"]["invocation_id"]
            host.call("complete_invocation", invocation_id=key, completed=True)
            counts[number] += 1
        host.end()

    threads = [threading.Thread(target=record, args=(number,)) for number in range(5)]
    for one in threads:
        one.start()
    for _ in range(3):
        before = sum(counts)
        while sum(counts) < before + 50:
            time.sleep(0.02)
        os.kill(server_of(own).pid, signal.SIGKILL)
    before = sum(counts)
    while sum(counts) < before + 50:
        time.sleep(0.02)
    over.set()
    for one in threads:
        one.join(60)
    host = Host(own)
    host.hello()
    for number, count in enumerate(counts):
        found = host.call("session_summary", session_id=f"s{number}")
        assert found["completed_invocations"] == found["total_invocations"] == count
    host.end()


def wait_for_line(log: Path, text: str, times: int) -> None:
    end = time.monotonic() + 20
    while sum(text in line for line in log.read_text().splitlines() if " ERROR " in line) < times:
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)


def test_what_the_server_warns_of_is_told_to_the_host(own: Locations) -> None:
    host = Host(own)
    host.hello()
    own.spool.mkdir(exist_ok=True)
    (own.spool / "torn.jsonl").write_text('{"skill_name": "k", "sess')
    assert host.process.stderr is not None
    told = [host.process.stderr.readline() for _ in range(2)]
    assert told[0].startswith("session-buddy-skills: the server is process ")
    assert " ERROR " in told[1]
    assert "torn.jsonl" in told[1]
    # Nor does it matter to anything else that nobody reads it any more.
    host.process.stderr.close()
    host.process.stderr = None
    (own.spool / "torn.jsonl").write_text('{"skill_name": "k", "sess')
    wait_for_line(own.server_log, "torn.jsonl", times=2)
    time.sleep(2 * LOOK_SECONDS)
    assert host.call("health_check")["status"] == "ok"
    host.end()


def test_an_older_server_is_asked_to_leave(own: Locations) -> None:
    server = start_server(own.data_dir)
    before = server_of(own)
    older = ServerFile(before.url, before.pid, "0.0.9")
    server_file.write(own.server_file, older)
    host = Host(own)
    host.hello()
    assert host.call("health_check")["status"] == "ok"
    assert server.process.wait(20) == 0
    server.stop()
    assert server_of(own).pid != before.pid
    host.end()


def test_an_older_server_is_not_asked_to_leave_while_others_may_start_it(own: Locations) -> None:
    server = start_server(own.data_dir)
    before = server_of(own)
    server_file.write(own.server_file, ServerFile(before.url, before.pid, "0.0.9"))
    with own.start_lock.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as an older shim has that is about to start one
        host = Host(own)
        host.send("initialize", HELLO, number=1)
        time.sleep(1)
        assert server.process.poll() is None
    assert host.receive()["id"] == 1
    assert server.process.wait(20) == 0
    server.stop()
    assert server_of(own).pid != before.pid
    host.end()


def test_a_server_without_calls_leaves_by_itself(own: Locations) -> None:
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--idle-minutes", "0.02"],
        env=environment(own.data_dir),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "leaving after" in errors
    assert not own.server_file.exists()


def test_a_server_of_another_port_is_taken_where_that_one_is_taken(own: Locations) -> None:
    first = start_server(own.data_dir)
    port = first.url.rpartition(":")[2]
    second = subprocess.Popen(
        [*COMMAND, "serve", "--port", port, "--any-port"],
        env=environment(own.data_dir / "other"),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert second.stderr is not None
    assert f":{port}/" not in second.stderr.readline()
    second.terminate()
    second.communicate(timeout=20)
    assert (second.returncode, first.stop()) == (0, 0)


def test_status_logs_and_stop(own: Locations) -> None:
    folder = own.data_dir
    none = run_command(folder, "status")
    assert (none.returncode, none.stderr) == (
        69,
        f"session-buddy-skills: no server has {own.database_path} open; the shim, a hook or "
        "`serve` starts one.\n",
    )
    assert run_command(folder, "stop").stdout == "no server was running\n"
    assert run_command(folder, "logs").stdout == f"there is no log {own.server_log}\n"
    host = Host(own)
    host.hello()
    host.call("track_invocation", session_id="s", skill_name="k")
    host.end()
    shown = run_command(folder, "status").stdout.splitlines()
    assert shown[0].startswith(f"server    {server_of(own).url}/mcp, process ")
    assert shown[1:3] == [f"database  {own.database_path}", "holds     1 invocation"]
    assert "MCP on http://127.0.0.1:" in run_command(folder, "logs").stdout
    for file in (own.server_file, own.server_log):
        assert file.stat().st_mode & 0o777 == 0o600
    pid = server_of(own).pid
    assert run_command(folder, "stop").stdout == f"process {pid} has left\n"
    assert not own.server_file.exists()
    end = time.monotonic() + 5
    while psutil.pid_exists(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert not psutil.pid_exists(pid)


def test_files_beside_the_database_are_not_run(own: Locations) -> None:
    own.data_dir.mkdir(parents=True, exist_ok=True)
    (own.data_dir / "mcp.py").write_text("raise SystemExit('not ours')")
    host = Host(own)
    host.hello()
    assert host.call("health_check")["status"] == "ok"
    host.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_shim_and_not_the_server(own: Locations, number: signal.Signals) -> None:
    host = Host(own)
    host.hello()
    host.call("track_invocation", session_id="s", skill_name="k")
    since = time.monotonic()
    host.process.send_signal(number)
    assert host.process.wait(5) == 0
    assert time.monotonic() - since < 1
    host.process.communicate()
    assert local_server.running(own) is not None


def test_a_cancelled_call_is_not_answered(own: Locations) -> None:
    host = Host(own)
    host.hello()
    host.call("health_check")
    os.kill(server_of(own).pid, signal.SIGSTOP)
    host.send("tools/call", {"name": "health_check", "arguments": {}}, number=90)
    host.send("tools/call", {"name": "health_check", "arguments": {}}, number=91)
    time.sleep(0.3)
    host.send("notifications/cancelled", {"requestId": 90})
    time.sleep(0.1)
    os.kill(server_of(own).pid, signal.SIGCONT)
    assert host.receive()["id"] == 91
    host.end()


def test_progress_is_told_to_the_host_whose_cancelled_import_writes_nothing(own: Locations) -> None:
    rows = [
        {"skill_name": "k", "session_id": str(n), "invoked_at": "2026-01-01T10:00:00Z"}
        for n in range(20_000)
    ]
    (own.data_dir / "imports").mkdir(parents=True)
    (own.data_dir / "imports" / "history.json").write_text(json.dumps({"invocations": rows}))
    asked = {"name": "import_metrics", "arguments": {"path": "history.json", "kind": "json"}}
    host = Host(own)
    host.hello()
    host.send("tools/call", asked | {"_meta": {"progressToken": 7}}, number=90)
    first = host.receive()
    assert (first["method"], first["params"]["progressToken"]) == ("notifications/progress", 7)
    host.send("notifications/cancelled", {"requestId": 90})
    host.send("tools/call", asked, number=91)
    while "id" not in (answer := host.receive()):
        assert answer["method"] == "notifications/progress"
    assert answer["id"] == 91
    assert answer["result"]["structuredContent"]["added"] == 20_000
    host.end()


def test_what_is_no_message_and_a_server_that_cannot_start_are_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    broken = Locations(tmp_path / "folder", str(tmp_path / "folder"))
    (tmp_path / "folder").mkdir()
    host = Host(broken)
    assert host.process.stdin is not None
    host.process.stdin.write("nonsense\n[1]\n")
    host.process.stdin.flush()
    assert host.receive()["error"]["message"].startswith("not JSON: ")
    assert host.receive()["error"]["message"] == "a message must be a JSON object"
    host.process.kill()
    host.process.communicate()
    process = subprocess.run(
        [*COMMAND, "--database", str(tmp_path / "folder")],
        input=json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}),
        env=environment(tmp_path, port=0),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    error = json.loads(process.stdout)["error"]["message"]
    assert error.startswith("the server did not start: ")
    assert str(tmp_path / "folder") in error
    assert error in process.stderr


def test_what_records_gets_an_id_and_nothing_else_is_changed() -> None:
    track = {"name": "track_invocation", "arguments": {"skill_name": "k", "invocation_id": None}}
    message = {"id": 1, "method": "tools/call", "params": track}
    sent = with_ids(message)["params"]["arguments"]
    assert sent["skill_name"] == "k"
    assert len(sent["invocation_id"]) == 36
    given = {"skill_name": "k", "invocation_id": "mine"}
    own = {"method": "tools/call", "params": {"name": "track_invocation", "arguments": given}}
    assert with_ids(own)["params"]["arguments"] == given
    many = {"name": "record_invocations", "arguments": {"invocations": [{"skill_name": "a"}, {}]}}
    sent = with_ids({"method": "tools/call", "params": many})["params"]["arguments"]
    assert len({one["invocation_id"] for one in sent["invocations"]}) == 2
    git = {"name": "record_git_metrics", "arguments": {"session_id": "s"}}
    sent = with_ids({"method": "tools/call", "params": git})["params"]["arguments"]
    assert len(sent["metrics_id"]) == 36
    for other in (
        {"method": "tools/list"},
        {"method": "tools/call", "params": {"name": "health_check", "arguments": {"a": 1}}},
        {"method": "tools/call", "params": {"name": "record_invocations", "arguments": [1]}},
        {"method": "tools/call", "params": {"name": "track_invocation"}},
    ):
        assert with_ids(other) == other
    ids = [uuid7() for _ in range(1_000)]
    assert {(one.version, one.variant) for one in ids} == {(7, "specified in RFC 4122")}
    assert len(set(ids)) == 1_000


def test_every_tool_that_takes_an_id_of_its_own_gets_one() -> None:
    found = {
        tool.name: name
        for tool in TOOLS
        for name, field in tool.request.model_fields.items()
        if (field.description or "").startswith("Your own id") and tool.name != "record_invocations"
    }
    assert found == OWN_ID


def test_what_may_not_be_sent_twice_is_known() -> None:
    def call(name: str, **arguments: Any) -> dict[str, Any]:
        return {"method": "tools/call", "params": {"name": name, "arguments": arguments}}

    assert may_be_sent_twice(call("track_invocation"))
    assert may_be_sent_twice({"method": "tools/list"})
    assert may_be_sent_twice(call("complete_invocation", invocation_id="i"))
    assert not may_be_sent_twice(call("complete_invocation", session_id="s", skill_name="k"))
    assert not may_be_sent_twice(call("complete_invocation", invocation_id=None))
    # All the others say of themselves that they may be called again, or get an id.
    once = {
        tool.name
        for tool in TOOLS
        if tool.annotations is None or not tool.annotations.idempotent_hint
    }
    assert once <= set(OWN_ID)


@pytest.mark.parametrize("text", ["skill", "skills://metrics/größe", " x ", "a\nb", "漢"])
def test_a_header_carries_any_text(text: str) -> None:
    assert decode_header_value(header_value(text)) == text
    header_value(text).encode("ascii")


def test_the_end_of_a_run_without_an_id_is_not_sent_twice(own: Locations) -> None:
    """Sent again after it came through, it would end an older run of the same skill."""
    host = Host(own)
    host.hello()
    for _ in range(2):
        host.call("track_invocation", session_id="s", skill_name="k")
    pid = server_of(own).pid
    os.kill(pid, signal.SIGSTOP)
    end = {"session_id": "s", "skill_name": "k", "completed": True}
    host.send("tools/call", {"name": "complete_invocation", "arguments": end}, number=90)
    time.sleep(0.5)
    os.kill(pid, signal.SIGKILL)
    answer = host.receive()
    assert answer["id"] == 90
    assert "whether it was done is not known" in answer["error"]["message"]
    assert host.call("session_summary", session_id="s")["pending_invocations"] == 2
    host.process.kill()
    host.process.communicate()


def test_what_a_killed_server_left_is_not_believed(own: Locations, tmp_path: Path) -> None:
    """Neither its port, which another database's server has now, nor its process id."""
    other = start_server(tmp_path / "other")
    with subprocess.Popen(["sleep", "60"]) as bystander:
        server_file.write(own.server_file, ServerFile(other.url, bystander.pid, "9.9"))
        assert local_server.running(own) is None
        assert run_command(own.data_dir, "stop").stdout == "no server was running\n"
        host = Host(own)
        host.hello()
        host.call("track_invocation", session_id="s", skill_name="k")
        assert host.call("health_check")["database"] == str(own.database_path)
        host.end()
        assert bystander.poll() is None
        bystander.kill()
    assert other.stop() == 0


HOLD = (
    "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print(1, flush=True); time.sleep(4)"
)


def test_a_database_that_is_about_to_be_let_go_of_is_waited_for(own: Locations) -> None:
    own.data_dir.mkdir(parents=True)
    holding = [sys.executable, "-c", HOLD, str(own.database_path)]
    with subprocess.Popen(holding, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        host = Host(own)
        since = time.monotonic()
        host.hello()
        assert 3 < time.monotonic() - since < 20
        host.end()


def test_odd_messages_are_answered_and_hurt_no_other(own: Locations) -> None:
    host = Host(own)
    host.hello()
    stdin = host.process.stdin
    assert stdin is not None
    stdin.write('{"jsonrpc": "2.0", "id": [1], "method": "tools/list"}\n')
    stdin.write('{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": [1]}\n')
    stdin.flush()
    assert host.receive()["error"]["message"] == "an id must be text or a number"
    for params in ([1, 2], "text", {"name": "größe\n", "arguments": {}, "_meta": {PROTOCOL: "x"}}):
        assert "error" in host.ask("tools/call", params)
    assert host.call("health_check")["status"] == "ok"
    host.end()


def test_what_is_sent_without_waiting_keeps_its_order(own: Locations) -> None:
    host = Host(own)
    host.hello()
    use = {"session_id": "s", "skill_name": "k"}
    for number in range(0, 200, 2):
        start = {"name": "track_invocation", "arguments": use}
        end = {"name": "complete_invocation", "arguments": use | {"completed": True}}
        host.send("tools/call", start, number=1_000 + number)
        host.send("tools/call", end, number=1_001 + number)
    answers = [host.receive() for _ in range(200)]
    assert {one["id"] for one in answers} == set(range(1_000, 1_200))
    assert not [one for one in answers if one["result"]["isError"]]
    assert host.call("session_summary", session_id="s")["completed_invocations"] == 100
    host.end()


def test_what_is_cancelled_at_once_is_not_answered(own: Locations) -> None:
    host = Host(own)
    host.hello()
    host.call("health_check")  # what comes before it has been passed on
    server = server_file.read(own.server_file)
    assert server is not None
    os.kill(server.pid, signal.SIGSTOP)  # else it may be faster than a cancellation
    for number in range(2_000, 2_050):
        host.send("tools/call", {"name": "health_check", "arguments": {}}, number=number)
        host.send("notifications/cancelled", {"requestId": number})
    assert host.process.stdin is not None
    host.process.stdin.write("no JSON\n")  # refused as soon as all before it has been read
    host.process.stdin.flush()
    assert host.receive()["error"]["message"].startswith("not JSON")
    os.kill(server.pid, signal.SIGCONT)
    assert host.call("health_check")["status"] == "ok"  # the first answer that comes
    host.end()


def test_lines_that_are_too_much_are_answered_and_end_nothing(own: Locations) -> None:
    host = Host(own)
    host.hello()
    stdin = host.process.stdin
    assert stdin is not None
    for line, said in (
        ("[" * 100_000, "not JSON: "),
        (
            '{"id": null, "method": "tools/list"}',
            "an id must be text or a number",
        ),
        (
            '{"id": true, "method": "tools/list"}',
            "an id must be text or a number",
        ),
        ('{"a": 1}', "a message must have a method"),
    ):
        stdin.write(line + "\n")
        stdin.flush()
        assert host.receive()["error"]["message"].startswith(said)
    large = {"name": "health_check", "arguments": {"a": "x" * 5_000_000}}
    error = host.ask("tools/call", large)["error"]
    assert error["message"] == "this message is larger than the server takes (4 MiB)"
    assert host.ask("tools/list", {"cursor": None})["result"]["tools"]
    host.end()


def test_a_stream_that_is_cut_is_asked_for_again(own: Locations) -> None:
    """By a server that ends it without an answer, the first time."""
    answer = b'data: {"jsonrpc":"2.0","id":7,"result":{"content":[]}}\n\n'
    bodies = iter((b": ping\n\n", b"", answer))
    asked: list[bytes] = []

    class Cutting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say("application/json", json.dumps({"process_id": os.getpid()}).encode())

        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            self._say("text/event-stream", next(bodies))

        def _say(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Nobody wants to know."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Cutting) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}"
        own.data_dir.mkdir(parents=True)
        server_file.write(own.server_file, ServerFile(url, os.getpid(), "9.9"))
        host = Host(own)
        call = {"name": "track_invocation", "arguments": {"session_id": "s", "skill_name": "k"}}
        host.send("tools/call", call, number=7)
        assert host.receive()["id"] == 7
        host.end()
        server.shutdown()
    own.server_file.unlink()
    # It was sent three times, with one id.
    assert len(asked) == 3
    assert len({json.loads(one)["params"]["arguments"]["invocation_id"] for one in asked}) == 1


def test_a_server_that_hangs_is_told_from_none(own: Locations) -> None:
    server = start_server(own.data_dir)
    os.kill(server.process.pid, signal.SIGSTOP)
    for command in ("status", "stop"):
        done = run_command(own.data_dir, command)
        assert done.returncode == 69
        assert "does not answer" in done.stderr
        assert str(server.process.pid) in done.stderr
    os.kill(server.process.pid, signal.SIGCONT)
    assert server.stop() == 0


def test_a_server_says_again_where_it_is(own: Locations) -> None:
    server = start_server(own.data_dir)
    said = server_of(own)
    own.server_file.unlink()
    end = time.monotonic() + 15
    while server_file.read(own.server_file) != said and time.monotonic() < end:
        time.sleep(0.05)
    assert server_of(own) == said
    assert server.stop() == 0


def test_a_host_that_has_gone_ends_the_shim(own: Locations) -> None:
    host = Host(own)
    host.hello()
    assert host.process.stdout is not None
    host.process.stdout.close()
    host.send("tools/list", {}, number=50)
    host.end()


def test_databases_of_postgresql_are_told_apart_without_their_passwords(tmp_path: Path) -> None:
    both = [Locations(tmp_path, f"postgresql://u:secret@host/{name}") for name in ("a", "b")]
    assert len({one.server_file for one in both} | {one.spool for one in both}) == 4
    assert "secret" not in str([one.server_file for one in both])

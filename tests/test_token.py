"""A server that asks for its token: HTTP, the shim, the bridge and the commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport

from session_buddy_skills import server_file
from session_buddy_skills.bridge import SkillsBridge
from session_buddy_skills.errors import SettingsError
from session_buddy_skills.locations import PREFIX, Locations
from session_buddy_skills.settings import Settings
from tests.conftest import COMMAND, ROOT, ServerProcess, environment, run_command, start_server

TOKEN = "-".join(("correct", "horse", "battery", "staple"))
AUTO = {"token": "auto"}


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[ServerProcess]:
    started = start_server(tmp_path / "server", token=TOKEN)
    yield started
    started.stop()


def test_who_does_not_bring_it_is_turned_away(guarded: ServerProcess) -> None:
    for given in ("", "Bearer wrong", TOKEN, f"Basic {TOKEN}", "Bearer größe"):
        headers = {b"Authorization": given.encode()} if given else {}
        for method, path in (
            ("GET", "/health"),
            ("POST", "/tools/health_check"),
            ("POST", "/mcp"),
            ("GET", "/mcp"),
            ("GET", "/nothing"),
        ):
            answer = httpx2.request(method, guarded.url + path, headers=headers, content=b"{}")
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.json() == {
                "error": "this server asks for its token: send it as Authorization: Bearer <token>."
            }
    bearer = {"Authorization": f"bearer {TOKEN}"}
    assert httpx2.get(f"{guarded.url}/health", headers=bearer).json()["status"] == "ok"


async def test_clients_bring_it(guarded: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with Client(StreamableHttpTransport(f"{guarded.url}/mcp", headers=headers)) as client:
        await client.call_tool("track_invocation", {"session_id": "s", "skill_name": "k"})
    # Where the bridge has the token from: the server's file, or, elsewhere, the environment.
    for data_dir, token in ((guarded.data_dir, ""), (guarded.data_dir / "elsewhere", TOKEN)):
        monkeypatch.setenv(f"{PREFIX}TOKEN", token)
        async with SkillsBridge("s", url=guarded.url, data_dir=data_dir) as bridge:
            assert (await bridge.health())["invocations"] == 1
    async with SkillsBridge("s", url=guarded.url, data_dir=guarded.data_dir / "none") as bridge:
        monkeypatch.delenv(f"{PREFIX}TOKEN")
        assert (await bridge.health())["status"] == "unreachable"
        assert "this server asks for its token" in (bridge.status().last_error or "")


async def test_a_token_made_at_each_start_is_found_by_shim_bridge_and_commands(
    tmp_path: Path,
) -> None:
    own = Locations(tmp_path / "data")
    shim = StdioTransport(
        COMMAND[0],
        list(COMMAND[1:]),
        env=environment(own.data_dir, port=0, **AUTO),
        cwd=str(ROOT),
    )
    seen: set[str | None] = set()
    async with Client(shim) as client:
        for count in (1, 2):
            await client.call_tool("track_invocation", {"session_id": "s", "skill_name": "k"})
            server = server_file.read(own.server_file)
            assert server is not None
            seen.add(server.token)
            assert own.server_file.stat().st_mode & 0o777 == 0o600
            assert httpx2.get(f"{server.url}/health").status_code == 401
            async with SkillsBridge("s", url=server.url, data_dir=own.data_dir) as bridge:
                assert (await bridge.health())["invocations"] == count
            assert "holds " in run_command(own.data_dir, "status").stdout
            assert run_command(own.data_dir, "top").returncode == 0
            assert "has left" in run_command(own.data_dir, "stop").stdout
    assert len(seen - {None, "auto"}) == 2


@pytest.mark.parametrize("token", ["short", "with a space in it", "größe-größe-größe-größe"])
def test_a_token_that_is_none_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(SettingsError, match="SESSION_BUDDY_SKILLS_TOKEN must be auto, or") as bad:
        Settings.load(token=token)
    assert token not in str(bad.value)

"""The hook: what it keeps of an event, and that no fault of its own is ever Claude Code's."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy_skills import local_server
from session_buddy_skills.capture import hook, lean_json
from session_buddy_skills.claude_code.events import CALLS
from session_buddy_skills.limits import QUERY_CHARS
from session_buddy_skills.locations import PREFIX, Locations
from session_buddy_skills.settings import Settings
from tests.claude_code.scenes import EXPECTED, SCENES, needs_scenes
from tests.disk import small_disk

COMMAND = [str(Path(sys.executable).parent / "session-buddy-skills"), "hook"]


def run_hook(told: object, **variables: object) -> subprocess.CompletedProcess[bytes]:
    """Run it as Claude Code does; `told` is what it reads, an event unless it is bytes."""
    done = run_command_of(COMMAND, told, **variables)
    assert done.stdout == b""
    return done


def run_command_of(
    command: list[str], told: object, **variables: object
) -> subprocess.CompletedProcess[bytes]:
    """Likewise, of another command that may say something."""
    given = told if isinstance(told, bytes) else json.dumps(told).encode()
    # Tests that want a server start it themselves, and stop it.
    named = {f"{PREFIX}START_SERVER": "0"} | {name: str(value) for name, value in variables.items()}
    done = subprocess.run(command, input=given, capture_output=True, env=named, timeout=30)
    assert done.returncode == 0
    return done


def spooled(data_dir: Path) -> list[dict[str, Any]]:
    files = sorted(Locations(data_dir).events.glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def event(kind: str = "PreToolUse", **fields: Any) -> dict[str, Any]:
    called = {"tool_name": "Skill", "tool_use_id": "t1", "tool_input": {"skill": "lint"}}
    tool = called if kind.endswith("ToolUse") else {}
    return {"hook_event_name": kind, "session_id": "s", "prompt_id": "p", **tool, **fields}


def test_an_event_is_kept_with_its_time(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    run_hook(event(permission_mode="default"), **{f"{PREFIX}DATA_DIR": tmp_path})
    [kept] = spooled(tmp_path)
    assert (
        before - timedelta(seconds=1) < datetime.fromisoformat(kept.pop("at")) < datetime.now(UTC)
    )
    assert kept == event() | {"prompts": "full"}
    [file] = Locations(tmp_path).events.glob("*.jsonl")
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_is_no_use_of_a_skill_is_not_kept(tmp_path: Path) -> None:
    for kind in ("PreToolUse", "PostToolUse"):
        run_hook(event(kind, tool_name="Bash"), **{f"{PREFIX}DATA_DIR": tmp_path})
    calls = [{"tool_name": "Read", "tool_use_id": "t", "tool_response": "content"}]
    run_hook(event("PostToolBatch", tool_calls=calls), **{f"{PREFIX}DATA_DIR": tmp_path})
    assert spooled(tmp_path) == []


def test_what_a_tool_answered_is_kept_as_far_as_it_tells_how_it_went(tmp_path: Path) -> None:
    answer = {"status": "forked", "agentId": "a", "result": "SECRET", "success": True}
    run_hook(event("PostToolUse", tool_response=answer), **{f"{PREFIX}DATA_DIR": tmp_path})
    calls = [
        {"tool_name": "Skill", "tool_use_id": "t1", "tool_input": {"skill": "lint", "x": "SECRET"},
         "tool_response": "Launching skill: lint"},
        {"tool_name": "Bash", "tool_use_id": "t2", "tool_response": "SECRET"},
    ]  # fmt: skip
    run_hook(event("PostToolBatch", tool_calls=calls), **{f"{PREFIX}DATA_DIR": tmp_path})
    one, batch = spooled(tmp_path)
    assert one["tool_response"] == {"status": "forked", "agentId": "a", "success": True}
    assert [call["tool_use_id"] for call in batch["tool_calls"]] == ["t1"]
    assert "SECRET" not in json.dumps([one, batch])


HOMES: list[Mapping[str, str]] = [
    {},
    {"XDG_DATA_HOME": "{home}/share"},
    {"XDG_DATA_HOME": " "},
    {f"{PREFIX}DATA_DIR": "{home}/d"},
    {f"{PREFIX}DATA_DIR": "~/d"},
    {f"{PREFIX}DATABASE": "{home}/x/y.db"},
    {f"{PREFIX}DATABASE": "duckdb:///{home}/x/y%20z.db"},
    {f"{PREFIX}DATABASE": "postgresql://u:p@h/n", f"{PREFIX}DATA_DIR": "{home}/d"},
]


@pytest.mark.parametrize("variables", HOMES, ids=str)
def test_it_writes_where_the_server_reads(variables: Mapping[str, str], tmp_path: Path) -> None:
    named = {name: value.format(home=tmp_path) for name, value in variables.items()}
    program = "from session_buddy_skills.locations import locations; print(locations().events)"
    environment = {"HOME": str(tmp_path), **named}
    reads = subprocess.check_output([sys.executable, "-c", program], env=environment, text=True)
    run_hook(event(), **environment)
    assert len(list(Path(reads.strip()).glob("*.jsonl"))) == 1


def test_it_keeps_as_much_of_a_request_as_the_record_does() -> None:
    assert hook.CHARS == QUERY_CHARS
    assert hook.CALLS == CALLS
    assert Settings.model_fields["prompts"].annotation.__args__ == hook.PROMPTS  # type: ignore[union-attr]


def logged(data_dir: Path) -> str:
    [line] = Locations(data_dir).beside("hooks.log").read_text().splitlines()
    return line


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (b"", "JSONDecodeError"),
        (bytes(range(256)) * 100, "DecodeError"),
        (b"[]", "it is no event of a session"),
        (b"[" * 100_000, "RecursionError"),
        (b'{"hook_event_name": "Stop"}', "it is no event of a session"),
    ],
    ids=["nothing", "binary", "a list", "deep", "no session"],
)
def test_what_is_no_event_is_a_line_in_the_log(told: bytes, reason: str, tmp_path: Path) -> None:
    run_hook(told, **{f"{PREFIX}DATA_DIR": tmp_path})
    assert reason in logged(tmp_path)
    assert spooled(tmp_path) == []


def test_a_prompt_of_ten_megabytes_is_cut(tmp_path: Path) -> None:
    told = event("UserPromptSubmit", prompt="é" * 10_000_000)
    run_hook(told, **{f"{PREFIX}DATA_DIR": tmp_path})
    assert spooled(tmp_path)[0]["prompt"] == "é" * QUERY_CHARS


def test_fifty_at_once_are_all_kept(tmp_path: Path) -> None:
    with ThreadPoolExecutor(50) as pool:
        for n in range(50):
            pool.submit(run_hook, event(tool_use_id=f"t{n}"), **{f"{PREFIX}DATA_DIR": tmp_path})
    assert {one["tool_use_id"] for one in spooled(tmp_path)} == {f"t{n}" for n in range(50)}


def test_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", mebibytes=1) as folder:
        (folder / "full").write_bytes(b"x" * ((1 << 20) - 8_192))
        for _ in range(3):
            told = event("UserPromptSubmit", prompt="x" * 20_000)
            done = run_hook(told, **{f"{PREFIX}DATA_DIR": folder})
        said = Locations(folder).beside("hooks.log")
        assert b"No space left" in (said.read_bytes() if said.exists() else b"") + done.stderr
        assert list(Locations(folder).events.iterdir()) == []


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder")
    done = run_hook(event(), HOME=tmp_path / "home")
    [line] = done.stderr.decode().splitlines()
    assert "is not kept: NotADirectoryError" in line


def test_a_database_of_no_kind_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND, input=json.dumps(event()).encode(), capture_output=True, cwd=tmp_path,
        env={f"{PREFIX}DATABASE": "foo://x"}, check=True,
    )  # fmt: skip
    assert b"DATABASE is neither a path nor of a known kind" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_module_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "detect_secrets.py").write_text("raise ImportError('No module of that name')")
    variables = {"DATA_DIR": tmp_path, "PROMPTS": "redacted"}
    named = {f"{PREFIX}{name}": value for name, value in variables.items()}
    run_hook(event("UserPromptSubmit", prompt="why"), PYTHONPATH=tmp_path, **named)
    assert "No module of that name" in logged(tmp_path)
    assert spooled(tmp_path) == []


def test_an_interpreter_without_functions_of_its_own_for_json(tmp_path: Path) -> None:
    (tmp_path / "_json.py").write_text("raise ImportError('No module named _json')")
    told = event("UserPromptSubmit", prompt="é\ud800")
    run_hook(told, PYTHONPATH=tmp_path, **{f"{PREFIX}DATA_DIR": tmp_path})
    run_hook(told, **{f"{PREFIX}DATA_DIR": tmp_path})
    first, second = ({**one, "at": None} for one in spooled(tmp_path))
    assert first == second
    assert first["prompt"] == "é\ud800"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_json_is_read_and_written_as_json_does(values: object) -> None:
    assert lean_json.dumps(values) == json.dumps(values)
    text = json.dumps(values, ensure_ascii=False).encode(errors="replace")
    assert json.dumps(lean_json.loads(text)) == json.dumps(json.loads(text))


@given(st.binary() | st.text('[]{},:"\\0123456789.eE+-truefalsn \t\n', max_size=12))
def test_what_json_refuses_is_refused(told: bytes | str) -> None:
    data = told if isinstance(told, bytes) else told.encode()
    try:
        expected = json.loads(data)
    except ValueError as error:
        with pytest.raises(type(error)):
            lean_json.loads(data)
    else:
        assert json.dumps(lean_json.loads(data)) == json.dumps(expected)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32-be"])
def test_an_event_may_come_in_any_encoding_of_json(encoding: str, tmp_path: Path) -> None:
    told = json.dumps(event("UserPromptSubmit", prompt="é"), ensure_ascii=False).encode(encoding)
    run_hook(told, **{f"{PREFIX}DATA_DIR": tmp_path})
    assert spooled(tmp_path)[0]["prompt"] == "é"


def test_nobody_has_to_read_what_it_says(tmp_path: Path) -> None:
    command = [*COMMAND, "--no-such-option"]
    named = {f"{PREFIX}START_SERVER": "0", f"{PREFIX}DATA_DIR": "/proc/nowhere"}
    shell = ["/bin/sh", "-c", f"{' '.join(command)} < /dev/null >&- 2>&-"]
    assert subprocess.run(shell, env=named, timeout=30).returncode == 0


@pytest.mark.slow
def test_a_session_starts_the_server_where_there_is_none(tmp_path: Path) -> None:
    """The hook is gone at once; of two that find none, one server comes."""
    own = Locations(tmp_path)
    variables = {"DATA_DIR": tmp_path, "PORT": 0, "EMBEDDER": "none", "START_SERVER": 1}
    named = {f"{PREFIX}{name}": value for name, value in variables.items()}
    for session in ("s1", "s2"):
        run_hook(event("SessionStart", source="startup", session_id=session), **named)
    give_up = time.monotonic() + 30
    while (found := local_server.running(own)) is None:
        assert time.monotonic() < give_up
        time.sleep(0.1)
    try:
        run_hook(event("UserPromptSubmit", prompt="x"), **named)
        time.sleep(0.5)
        assert local_server.running(own) == found
    finally:
        assert local_server.stop(own) is not None


@needs_scenes
def test_what_others_answered_is_never_kept(tmp_path: Path) -> None:
    """Of no scene, whatever may be kept of requests."""
    told = [
        json.loads(line)["stdin"]
        for scene in EXPECTED
        for line in (SCENES / scene / "hooks.jsonl").read_text().splitlines()
    ]
    kept = json.dumps([hook._kept(one) for one in told])
    for words in ("Finding 1", "looks fine", "skill use is frozen", "Available agents", "Did you"):
        assert words in json.dumps(told)
        assert words not in kept


SECRETS = {
    "artifactory": "AKCp5" + "b7f9K2mQ8xR4vN6tY1wZ3cD5eG7hJ9kL0pS2uX4aB6",
    "aws": "AKIA" + "IOSFODNN7EXAMPLX",
    "azure storage": "AccountKey=" + "l" * 10 + "Zq7" * 25 + "x==",
    "basic auth": "https://bob:" + "pa55w0rd" + "@example.com/x",
    "discord": "MTk4NjIyNDgzNDcxOTI1MjQ4" + ".Cl2FMQ." + "ZnCjm1XVW7vRze4b7Cq4se7kKWs",
    "github": "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "gitlab": "glpat-" + "ABCDEFGHIJKLMNOPQRST",
    "ibm cloud": "ibm_cloud_iam_key = " + "abcd1234EFGH5678ijkl9012MNOP3456qrst7890UVWX",
    "jwt": "eyJhbGciOiJIUzI1NiJ9"
    + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0."
    + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9",
    "keyword": "password = " + "hunter2hunter2",
    "mailchimp": "343ea45721923ed956e2b38c31db76aa" + "-us30",
    "npm": "//registry.npmjs.org/:_authToken=" + "npm_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "openai": "sk-" + "Xi8tcNiHV9awbCcvilTeT3Blbk" + "FJ3UDnpdEwNNm6wVBpYM0o",
    "anthropic": "sk-ant-api03-" + "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdEfGh",
    "google": "AIzaSyD-9tSrke72PouQMnMX" + "-a7eZSW0jkFMBWY",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKC"
    + "AQEA7\n-----END RSA PRIVATE KEY-----",
    "pypi": "pypi-" + "AgEIcHlwaS5vcmcCJDEyMzQ1Njc4LTEyMzQtMTIzNC0xMjM0LTEyMzQ1Njc4OTAxMg" * 2,
    "sendgrid": "SG." + "ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr",
    "slack": "xoxb-" + "34532454-e039d02840a0b9379c",
    "square": "sq0csp-" + "ABCDEFGHIJK_LMNOPQRSTUVWXYZ-0123456789_A",
    "stripe": "sk_live_" + "ReTllpYQYfIZu2Jnf2lAPFjD",
    "telegram": "110201543:" + "AAHdqTcvCH1vGWJxfSe1ofSAs0K5PALDsaw",
    "twilio": "SK" + "1234567890abcdef1234567890abcdef",
    "hexadecimal": "the deploy hash 9f8d7c6b5a4e3d2c" + "1b0a9f8d7c6b5a4e",
}


def core(secret: str) -> str:
    """The part of it that nobody may read, in the middle of its last third."""
    return secret.removesuffix("\n-----END RSA PRIVATE KEY-----")[-14:-2]


def test_redacted_requests_have_no_secrets(tmp_path: Path) -> None:
    variables = {f"{PREFIX}DATA_DIR": tmp_path, f"{PREFIX}PROMPTS": "redacted"}
    prompt = "".join(
        f"Deploy {n} with {secret} please\n" for n, secret in enumerate(SECRETS.values())
    )
    run_hook(event("UserPromptSubmit", prompt=prompt), **variables)
    given = {"skill": "deploy", "args": SECRETS["aws"]}
    run_hook(event(tool_input=given), **variables)
    expansion = {"expansion_type": "slash_command", "command_name": "deploy"}
    told = event("UserPromptExpansion", command_args=SECRETS["github"], **expansion)
    run_hook(told | {"prompt": f"/deploy {SECRETS['github']}"}, **variables)
    kept = "".join(one.read_text() for one in Locations(tmp_path).events.iterdir())
    assert len(spooled(tmp_path)) == 3
    left = [name for name, secret in SECRETS.items() if core(secret) in kept]
    assert left == []
    assert "Deploy 0 with" in kept
    # Of a password that is not quoted nobody knows where it ends.
    assert kept.count("please") >= len(SECRETS) - 3


def test_none_of_a_request_is_kept(tmp_path: Path) -> None:
    variables = {f"{PREFIX}DATA_DIR": tmp_path, f"{PREFIX}PROMPTS": "none"}
    run_hook(event("UserPromptSubmit", prompt="fix the SECRET"), **variables)
    run_hook(event(tool_input={"skill": "deploy", "args": "SECRET"}), **variables)
    ended = (
        "<task-notification>\n<task-id>a</task-id>\n<tool-use-id>t9</tool-use-id>\n"
        "<status>completed</status>\n<summary>SECRET</summary></task-notification>"
    )
    run_hook(event("UserPromptSubmit", prompt=ended), **variables)
    kept = spooled(tmp_path)
    assert "SECRET" not in json.dumps(kept)
    assert "<tool-use-id>t9</tool-use-id><status>completed</status>" in kept[2]["prompt"]


def test_an_option_that_is_not_known_is_told(tmp_path: Path) -> None:
    run_command_of([*COMMAND, "--sugest"], event(), **{f"{PREFIX}DATA_DIR": tmp_path})
    assert "hook takes --event, --from, --suggest, not --sugest" in logged(tmp_path)
    assert len(spooled(tmp_path)) == 1


def test_a_wrong_setting_keeps_nothing_of_requests(tmp_path: Path) -> None:
    variables = {f"{PREFIX}DATA_DIR": tmp_path, f"{PREFIX}PROMPTS": "some"}
    run_hook(event("UserPromptSubmit", prompt="SECRET"), **variables)
    assert "PROMPTS must be one of full, redacted, none, not some" in logged(tmp_path)
    assert spooled(tmp_path)[0]["prompt"] is None

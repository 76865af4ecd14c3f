"""`python -m benchmarks.hook`: what Claude Code waits for when it runs the hook."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure
from session_buddy_skills.locations import HOST, PREFIX, Locations

COMMAND = [str(Path(sys.executable).with_name("session-buddy-skills")), "hook"]
RUNS = 60
AT_ONCE = 50
MEBI = 2**20
CALL = {
    "hook_event_name": "PreToolUse",
    "session_id": "s",
    "tool_name": "Skill",
    "tool_use_id": "t",
    "tool_input": {"skill": "lint", "args": "src"},
}
PROMPT = {"hook_event_name": "UserPromptSubmit", "session_id": "s", "prompt_id": "p"}


def seconds(told: bytes, folder: str, prompts: str = "full", *options: str) -> float:
    """Of one run."""
    variables = {f"{PREFIX}DATA_DIR": folder, f"{PREFIX}PROMPTS": prompts}
    variables[f"{PREFIX}START_SERVER"] = "0"
    since = time.perf_counter()
    subprocess.run([*COMMAND, *options], input=told, env=variables, check=True)
    return time.perf_counter() - since


def while_the_server_hangs(told: bytes) -> float:
    """Of a run that is to suggest a skill, and waits in vain."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server((HOST, 0)) as listener:
        said = {"url": f"http://{HOST}:{listener.getsockname()[1]}", "pid": 1, "version": "1"}
        Locations(Path(folder)).server_file.write_text(json.dumps(said), encoding="utf-8")
        return median(seconds(told, folder, "full", "--suggest") for _ in range(RUNS // 3))


def mebibytes(told: bytes, folder: str) -> float:
    """The most that one run holds, as a small process sees it: a child begins as its parent."""
    program = (
        "import os, sys; pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ); "
        "print(os.wait4(pid, 0)[2].ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, *COMMAND],
        input=told,
        env={f"{PREFIX}DATA_DIR": folder},
        capture_output=True,
        check=True,
    )
    return int(done.stdout) / 1_024


def at_once(told: bytes, folder: str) -> list[float]:
    """Of each of many that are started together."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda _: seconds(told, folder), range(AT_ONCE)))


def measure() -> list[Figure]:
    """Medians of runs one after another, and of nine times many at once."""
    call = json.dumps(CALL).encode()
    asked = json.dumps(PROMPT | {"prompt": "fix the lint errors in src"}).encode()
    huge = json.dumps(PROMPT | {"prompt": "x" * 10 * MEBI}).encode()
    with tempfile.TemporaryDirectory() as folder:
        seconds(call, folder)
        plain = median(seconds(call, folder) for _ in range(RUNS))
        peak = mebibytes(call, folder)
        redacted = median(seconds(asked, folder, "redacted") for _ in range(RUNS // 3))
        long = median(seconds(huge, folder) for _ in range(RUNS // 3))
        together = [at_once(call, folder) for _ in range(9)]
        longest, half = median(map(max, together)), median(map(median, together))
        faults = [seconds(told, folder) for told in (b"", bytes(range(256)) * 1_000)]
        faults.append(seconds(call, "/proc/nowhere"))
    return [
        Figure("a call of a skill", plain * 1e3, "ms", "<= 60"),
        Figure("memory", peak, "MiB", "<= 15"),
        Figure("a prompt of 10 MB", long * 1e3, "ms", "<= 200"),
        Figure("what is no event, no folder", max(faults) * 1e3, "ms", "<= 200"),
        Figure("a prompt, redacted", redacted * 1e3, "ms"),
        Figure("to suggest, from a server that hangs", while_the_server_hangs(asked) * 1e3, "ms"),
        Figure("50 at once: the longest", longest * 1e3, "ms", "<= 200"),
        Figure("50 at once: the median", half * 1e3, "ms"),
    ]


def main() -> None:
    """Measure, print a table; exits with 1 if a target is missed."""
    figures = measure()
    for one in figures:
        verdict = {True: "met", False: "MISSED", None: ""}[one.met]
        print(f"{one.name:36}{one.value:8.1f} {one.unit:4}{one.target:8}{verdict}".rstrip())
    raise SystemExit(any(one.met is False for one in figures))


if __name__ == "__main__":
    main()

"""A stand-in for the model's service, so that the real Claude Code can run without it.

It answers "please fix lint" with a call of the skill fix-lint, and all else with a word.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ASKED = "please fix lint"
CALL: dict[str, Any] = {"type": "tool_use", "id": "toolu_fix", "name": "Skill", "input": {}}


class _Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked = [one for one in body["messages"] if one["role"] == "user"]
        told = json.dumps(asked)
        calls = ASKED in json.dumps(asked[-1]) and CALL["id"] not in told
        self._answer(_stream(body["model"], calls=calls))

    def do_HEAD(self) -> None:
        self._answer(b"")

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def _stream(model: str, *, calls: bool) -> bytes:
    message = {
        "id": "msg",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": list[str](),
        "stop_reason": None,
        "usage": {"input_tokens": 5, "output_tokens": 1},
    }
    if calls:
        block = CALL
        given = json.dumps({"skill": "fix-lint", "args": "src"})
        delta = {"type": "input_json_delta", "partial_json": given}
    else:
        block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": "Done."}
    reason = {"stop_reason": "tool_use" if calls else "end_turn"}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": reason, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]
    told = (f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
    return "".join(told).encode()


@contextmanager
def messages_api() -> Iterator[str]:
    """The address of one, while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Model)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

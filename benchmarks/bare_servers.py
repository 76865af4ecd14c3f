"""What calls are compared with: FastMCP with a tool that does nothing, and HTTP alone.

Both are served as ours is, by `uvicorn benchmarks.bare_servers:fastmcp` and `…:http`.
"""

from __future__ import annotations

from typing import Any

from fastmcp import FastMCP
from starlette.types import Receive, Scope, Send

NOTHING = b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{}"}]}}'


async def http(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads a request, and answers as a tool with nothing to say would."""
    assert scope["type"] == "http"
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(NOTHING))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": NOTHING})


def _server() -> FastMCP[Any]:
    server: FastMCP[Any] = FastMCP("reference")

    @server.tool
    async def health_check() -> dict[str, Any]:
        """Nothing."""
        return {}

    # As in our app: it would list all tools before each call.
    server._mcp_server.get_tool_input_schema = lambda _name: None
    return server


fastmcp = _server().http_app(
    path="/mcp", stateless_http=True, json_response=True, host_origin_protection="auto"
)

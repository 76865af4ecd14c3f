"""Runs the server over standard input and output, or over HTTP."""

from __future__ import annotations

import gc
import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from session_buddy_skills import server_file
from session_buddy_skills.errors import AddressError
from session_buddy_skills.locations import HOST
from session_buddy_skills.server_file import ServerFile
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings, one_thread_for_arrays
from session_buddy_skills.taking_in import taking_in
from session_buddy_skills.version import VERSION

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp, Receive, Scope, Send

    from session_buddy_skills.capture.events import EventIntake

logger = logging.getLogger("session_buddy_skills")
LOOPBACK = {HOST, "::1", "localhost"}
ANYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - looked for, not listened on
GRACE_SECONDS = 5
SAY_SECONDS = 5
"""How often it is looked whether the server's file is still there."""
KEEP_SECONDS = 60
"""How long a connection may be idle; clients that come back find it open."""
YOUNG_OBJECTS = 10_000
"""So many more objects than before have Python look for cycles among them."""


async def serve_stdio(settings: Settings) -> None:
    """Answer MCP on standard input and output until the input ends or SIGTERM or SIGINT comes."""
    _log_to_stderr(settings)
    one_thread_for_arrays()
    async with (
        open_service(settings) as service,
        taking_in(service, settings.locations),
        anyio.create_task_group() as tasks,
    ):
        from session_buddy_skills.app import build_app

        tasks.start_soon(_exit_on_signal, service)
        app = build_app(settings, service)
        collect_rarely()
        await app.run_stdio_async(show_banner=False, log_level="WARNING")
        tasks.cancel_scope.cancel()


async def serve_http(
    settings: Settings, *, any_port: bool = False, idle_minutes: float | None = None
) -> None:
    """Answer MCP and plain HTTP until SIGTERM or SIGINT comes, then finish what is under way.

    With `any_port` on a free one where that of the settings is taken; with `idle_minutes` until so
    long without a request as well.

    Raises:
        AddressError: the address cannot be listened on.
    """
    _log_to_stderr(settings)
    # Of several that start at once for one database, who gets the database gets the port.
    listener = None if any_port else _listen(settings.host, settings.port)
    one_thread_for_arrays()
    async with (
        # Taken back once the database is let go of: another server may have it then.
        _said(settings.locations.server_file) as say,
        open_service(settings) as service,
        taking_in(service, settings.locations) as events,
    ):
        from session_buddy_skills.app import build_app, http_app

        # It announces each refused call without its reason, which tools/ logs.
        logging.getLogger("fastmcp").setLevel(logging.WARNING)
        no_spans_without_sdk()
        token = _token(settings)
        busy = _Busy(http_app(build_app(settings, service), token))
        server = _server(busy, settings)
        collect_rarely()
        listener = listener or _listen_anywhere(settings.host, settings.port)
        host, port = listener.getsockname()[:2]
        own = _url(host, port), os.getpid(), VERSION, token
        say(said := ServerFile(*own))
        logger.info("MCP on http://%s:%s/mcp, database %s", host, port, service.location)
        if token is not None:
            logger.info("a token is asked for; it is in %s", settings.locations.server_file)
        elif settings.host not in LOOPBACK:
            logger.warning("anyone who can reach %s can read and write the record", host)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_say_again, settings.locations.server_file, partial(say, said))
            if idle_minutes is not None:
                tasks.start_soon(_leave_when_idle, busy, events, idle_minutes * 60, server)
            await server.serve(sockets=[listener])
            tasks.cancel_scope.cancel()


def _server(app: ASGIApp, settings: Settings) -> uvicorn.Server:
    """uvicorn, which SIGTERM and SIGINT ask to finish."""
    import uvicorn

    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",  # httptools drops a body that comes with an offer to upgrade
            log_config=None,
            access_log=settings.log_level == "debug",
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_keep_alive=KEEP_SECONDS,
        )
    )
    # uvicorn listens to signals later, and raises the one that ended it once more when it is done,
    # which must not end the process before the database is closed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: setattr(server, "should_exit", True))
    return server


def no_spans_without_sdk() -> None:
    """Have FastMCP make no OpenTelemetry spans where no SDK collects them.

    They take a twentieth of a call's time.
    """
    import fastmcp
    from opentelemetry import trace

    collected = not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    if fastmcp.settings.telemetry_mode == "native" and not collected:
        fastmcp.settings.telemetry_mode = "propagation_only"


def collect_rarely() -> None:
    """Have Python look for cycles less often: with many clients that took a fifth of the time."""
    gc.set_threshold(YOUNG_OBJECTS)


def _token(settings: Settings) -> str | None:
    """What clients are asked for."""
    stated = settings.token.get_secret_value() if settings.token else None
    return secrets.token_urlsafe(32) if stated == "auto" else stated


@asynccontextmanager
async def _said(path: Path) -> AsyncIterator[Callable[[ServerFile], None]]:
    """Says where this server is when that is called, and takes it back at the end."""
    try:
        yield partial(server_file.write, path)
    finally:
        server_file.remove(path, os.getpid())


async def _say_again(path: Path, say: Callable[[], None]) -> None:
    """Where somebody has removed the file, nobody finds the server, or can start another."""
    while True:
        await anyio.sleep(SAY_SECONDS)
        if server_file.read(path) is None:
            try:
                say()
            except OSError as error:  # such as a full disk, which must not end the server
                logger.warning("%s cannot be written: %s", path, error.strerror)


def _listen_anywhere(host: str, port: int) -> socket.socket:
    try:
        return _listen(host, port)
    except AddressError:
        return _listen(host, 0)


def _url(host: str, port: int) -> str:
    """Where this machine's programs find a server that listens on this address."""
    if host in ANYWHERE:
        host = HOST
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Busy:
    """Passes requests on, and knows when the last one was."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._under_way = 0
        self._last = time.monotonic()

    @property
    def idle_seconds(self) -> float:
        return 0.0 if self._under_way else time.monotonic() - self._last

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1
            self._last = time.monotonic()


async def _leave_when_idle(
    busy: _Busy, events: EventIntake, seconds: float, server: uvicorn.Server
) -> None:
    left = seconds
    while left > 0:
        await anyio.sleep(left)
        left = seconds - min(busy.idle_seconds, events.idle_seconds)
    logger.info("leaving after %.0f s without a request", busy.idle_seconds)
    server.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
        # asyncio does this for sockets that it makes. An answer goes out in two parts, and without
        # it the second waits 40 ms for the client to acknowledge the first.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        unknown = isinstance(error, socket.gaierror)
        reason = "the host is not known" if unknown else os.strerror(error.errno or 0)
        raise AddressError(
            f"cannot listen on {host} port {port}: {reason}; choose another with --host and --port."
        ) from error


async def _exit_on_signal(service: Service) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _number in signals:
            await service.close()
            # The thread that reads standard input cannot be woken, and would keep the process.
            os._exit(0)


def _log_to_stderr(settings: Settings) -> None:
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    level = settings.log_level.upper()
    for name in ("session_buddy_skills", "uvicorn.access"):
        logging.getLogger(name).setLevel(level)
    logging.getLogger("psycopg.pool").setLevel(logging.WARNING)

"""Runs the server over standard input and output, or over HTTP."""

from __future__ import annotations

import logging
import os
import signal
import socket
from importlib.metadata import version

import anyio

from session_buddy_skills import server_file
from session_buddy_skills.errors import AddressError
from session_buddy_skills.server_file import ServerFile
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings, one_thread_for_arrays
from session_buddy_skills.spooling import taking_in

logger = logging.getLogger("session_buddy_skills")
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
GRACE_SECONDS = 5


async def serve_stdio(settings: Settings) -> None:
    """Answer MCP on standard input and output until the input ends or SIGTERM or SIGINT comes."""
    _log_to_stderr(settings)
    one_thread_for_arrays()
    async with (
        open_service(settings) as service,
        taking_in(service, settings.locations.spool),
        anyio.create_task_group() as tasks,
    ):
        from session_buddy_skills.app import build_app

        tasks.start_soon(_exit_on_signal, service)
        await build_app(settings, service).run_stdio_async(show_banner=False, log_level="WARNING")
        tasks.cancel_scope.cancel()


async def serve_http(settings: Settings) -> None:
    """Answer MCP and plain HTTP until SIGTERM or SIGINT comes, then finish what is under way.

    Raises:
        AddressError: the address cannot be listened on.
    """
    _log_to_stderr(settings)
    listener = _listen(settings.host, settings.port)
    one_thread_for_arrays()
    async with open_service(settings) as service, taking_in(service, settings.locations.spool):
        import uvicorn

        from session_buddy_skills.app import build_app, http_app

        # It announces each refused call without its reason, which tools/ logs.
        logging.getLogger("fastmcp").setLevel(logging.WARNING)
        config = uvicorn.Config(
            http_app(build_app(settings, service)),
            http="h11",
            log_config=None,
            access_log=settings.log_level == "debug",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        host, port = listener.getsockname()[:2]
        logger.info("MCP on http://%s:%s/mcp, database %s", host, port, service.location)
        if settings.host not in LOOPBACK:
            logger.warning("anyone who can reach %s can read and write the record", host)
        # uvicorn raises the signal that ended it once more when it is done, which must not end the
        # process before the database is closed.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: None)
        said = ServerFile(f"http://{host}:{port}", os.getpid(), version("session-buddy-skills"))
        path = settings.locations.server_file
        server_file.write(path, said)
        try:
            await uvicorn.Server(config).serve(sockets=[listener])
        finally:
            server_file.remove(path, said)


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

"""The address of a PostgreSQL."""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict

from session_buddy_skills.errors import SettingsError
from session_buddy_skills.locations import PREFIX


def address_without_user(url: str) -> str:
    """The address as it may be shown: without user and password.

    Raises:
        SettingsError: it is not valid; it is not shown, since a password may be in it.
    """
    authority, _, path = url.partition("://")[2].partition("/")
    astray = authority.count("@") > 1 or "@" in path.partition("?")[0]
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parts, astray = {}, True
    hosts = str(parts.get("host") or "").split(",")
    ports = str(parts.get("port") or 5432).split(",")
    name = str(parts.get("dbname") or parts.get("user") or "")
    if astray or len(ports) not in (1, len(hosts)) or not all(map(_is_port, ports)):
        raise SettingsError(
            f"{PREFIX}DATABASE is not a PostgreSQL address like postgresql://user@host:5432/name; "
            "special characters in it must be percent-encoded, @ as %40."
        )
    if len(ports) < len(hosts):
        ports = ports * len(hosts)
    places = [
        f"{host}:{port or 5432}" if host else "" for host, port in zip(hosts, ports, strict=True)
    ]
    return f"postgresql://{','.join(places)}/{name}"


def _is_port(text: str) -> bool:
    return not text or (text.isdecimal() and 0 < int(text) < 2**16)


def parameters_not_in(url: str) -> dict[str, int]:
    """What a connection is given beside the address: a network that is gone shall be noticed."""
    defaults = {
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    }
    given = conninfo_to_dict(url)
    return {name: value for name, value in defaults.items() if name not in given}

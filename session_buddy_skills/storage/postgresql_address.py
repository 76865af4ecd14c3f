"""The address of a PostgreSQL."""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict

from session_buddy_skills.errors import SettingsError
from session_buddy_skills.settings import PREFIX


def address_without_user(url: str) -> str:
    """The address as it may be shown: without user and password.

    Raises:
        SettingsError: it is not valid; it is not shown, since a password may be in it.
    """
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parts = {"host": "@"}
    hosts = str(parts.get("host") or "").split(",")
    ports = str(parts.get("port") or 5432).split(",")
    name = str(parts.get("dbname") or parts.get("user") or "")
    if any("@" in part for part in (*hosts, name)) or not all(map(_is_port, ports)):
        raise SettingsError(
            f"{PREFIX}DATABASE is not a PostgreSQL address like postgresql://user@host:5432/name; "
            "special characters in it must be percent-encoded, @ as %40."
        )
    if len(ports) < len(hosts):
        ports = ports[:1] * len(hosts)
    places = [
        f"{host}:{port or 5432}" if host else "" for host, port in zip(hosts, ports, strict=True)
    ]
    return f"postgresql://{','.join(places)}/{name}"


def _is_port(text: str) -> bool:
    return not text or (text.isdecimal() and 0 < int(text) < 2**16)

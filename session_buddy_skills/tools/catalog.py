"""Tools of the catalog of skills."""

from __future__ import annotations

from session_buddy_skills.catalog import (
    CatalogAnswer,
    CatalogRequest,
    Registered,
    RegisterRequest,
)
from session_buddy_skills.service import Service
from session_buddy_skills.tools.service_tool import service_tool

CATALOG_TOOLS = (
    service_tool(
        "register_skills",
        "Tell what skills there are and what they say of themselves, all or none. Skills that are "
        "known stay; those in `scanned` folders that are not in the list are taken out.",
        RegisterRequest,
        Registered,
        Service.register_skills,
        read_only=False,
    ),
    service_tool(
        "list_skills",
        "The catalog: every skill that was registered or found, and every other that was ever "
        "used, by name.",
        CatalogRequest,
        CatalogAnswer,
        Service.list_skills,
        read_only=True,
    ),
)

"""Tools of the catalog of skills."""

from __future__ import annotations

from session_buddy_skills.catalog import (
    CatalogAnswer,
    CatalogRequest,
    Registered,
    RegisterRequest,
)
from session_buddy_skills.service import Service
from session_buddy_skills.taxonomy import EditTaxonomyRequest, Taxonomy, TaxonomyRequest
from session_buddy_skills.tools.service_tool import service_tool


async def _taxonomy(service: Service, request: TaxonomyRequest) -> Taxonomy:
    return await service.analyses.taxonomy.taxonomy(request)


async def _edit(service: Service, request: EditTaxonomyRequest) -> Taxonomy:
    return await service.analyses.taxonomy.edit(request)


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
    service_tool(
        "skill_taxonomy",
        "Kinds of skills: categories and modalities with their rules and skills; and the stage of "
        "work that each workflow phase belongs to.",
        TaxonomyRequest,
        Taxonomy,
        _taxonomy,
        read_only=True,
    ),
    service_tool(
        "edit_taxonomy",
        "Change the kinds of skills: make, change or remove a category, put a skill into it or "
        "keep it out, fill all by rule, or say which stage of work a phase belongs to.",
        EditTaxonomyRequest,
        Taxonomy,
        _edit,
        read_only=False,
        destructive=True,
    ),
)

"""Entry for `fastmcp run server.py`."""

from session_buddy_skills.app import build_app

mcp = build_app()

"""The tools that an MCP client calls."""

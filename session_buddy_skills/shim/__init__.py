"""What an MCP host starts: the shim before the local server."""

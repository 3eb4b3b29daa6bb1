"""Strongroom: the right person's access token for an MCP server, kept fresh."""

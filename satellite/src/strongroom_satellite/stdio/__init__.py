"""Servers that are started, not called: MCP over stdio, with what Strongroom gives in their environment.

notes = StdioServer("uvx", ("notes-server",), env=("NOTES_KEY",), inherit=("PATH",))
async with StdioPool(strongroom) as pool:
    async with pool.session(Need("acme", installation, "alice"), notes) as client:
        await client.call_tool("list_notes", {})

What the child gets is what the gateway lists, byte for byte. That is a rule about environments and no sandbox: a child runs
as the gateway's own user, and may read what that user may read. Where servers do not trust each other, let `command` be
something that separates them (a container, another user).

Takes the extra `mcp`; POSIX only.
"""

from __future__ import annotations

from strongroom_satellite.stdio.child import DidNotStart
from strongroom_satellite.stdio.limits import Limits
from strongroom_satellite.stdio.pool import StdioPool, TooManyServers
from strongroom_satellite.stdio.server import StdioServer

__all__ = ["DidNotStart", "Limits", "StdioPool", "StdioServer", "TooManyServers"]

"""Ask a person to connect, inside the MCP client that is connected to this gateway, and then go on with the call.

async with Prompts(strongroom) as prompts:
    ...
    return await prompts.call_or_prompt(ctx, need, "Team Files", lambda: upstream.call_tool("list_files", {}))

Needs the extra `mcp`. What needs no SDK is in `strongroom_satellite.links` and `strongroom_satellite.waiting`.
"""

from __future__ import annotations

from strongroom_satellite.elicitation.prompts import Prompts
from strongroom_satellite.elicitation.state import is_ours
from strongroom_satellite.links import Way, elicitation_of, required_in, understood_by
from strongroom_satellite.waiting import Pace, await_connection

__all__ = [
    "Pace",
    "Prompts",
    "Way",
    "await_connection",
    "elicitation_of",
    "is_ours",
    "required_in",
    "understood_by",
]

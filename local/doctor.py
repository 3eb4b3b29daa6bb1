"""`dev.py doctor`: what an MCP server needs, found out from this machine as Strongroom would. Nothing is stored."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from local.commands import parser
from local.environment import ROOT

LAYER = ROOT / "layers" / "common" / "python"


def main(arguments: Sequence[str]) -> int:
    """Print what was found; 0 if people could connect, 1 if not, 2 if that is no URL that is called, 3 if nobody can say."""
    asked = parser().parse_args(["doctor", *arguments])
    if str(LAYER) not in sys.path:
        sys.path.insert(0, str(LAYER))  # where Lambda would have put it
    from local.doctor_reach import examined

    return examined(asked.url, as_json=asked.json, loopback=asked.allow_loopback)

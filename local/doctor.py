"""`dev.py doctor`: what an MCP server needs, found out from this machine as Strongroom would. Nothing is stored."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from local.environment import ROOT

LAYER = ROOT / "layers" / "common" / "python"


def main(arguments: Sequence[str]) -> int:
    """Print what was found; 0 if people could connect, 1 if not, 2 if that is no URL that is called."""
    parser = argparse.ArgumentParser(prog="dev.py doctor")
    parser.add_argument("url")
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--allow-loopback", action="store_true", dest="loopback")
    asked = parser.parse_args(arguments)
    if str(LAYER) not in sys.path:
        sys.path.insert(0, str(LAYER))  # where Lambda would have put it
    from local.doctor_reach import examined

    return examined(asked.url, as_json=asked.as_json, loopback=asked.loopback)

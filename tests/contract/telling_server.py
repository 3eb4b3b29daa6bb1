"""An MCP server over stdio that tells all it has: its environment, its number, its arguments. Standard library only.

Run as a program by the tests of the satellite's children.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Asked = Mapping[str, Any]


def tell(_: Asked) -> dict[str, Any]:
    """`os.environ` as the server sees it, and what the kernel was given at its start."""
    started_with = Path("/proc/self/environ").read_text().split("\0")
    return {
        "environ": dict(os.environ),
        "started_with": sorted(line for line in started_with if line),
        "pid": os.getpid(),
        "cwd": os.getcwd(),
    }


def hold(asked: Asked) -> dict[str, Any]:
    """Tell through one pipe that the call has come, and wait at another one until it may end."""
    Path(asked["begun"]).write_text("begun")
    Path(asked["until"]).read_text()
    return tell({})


def leave_behind(_: Asked) -> dict[str, Any]:
    """Start a process that does not end with this one's input."""
    waits = [sys.executable, "-I", "-S", "-c", "import signal; signal.pause()"]
    left = subprocess.Popen(waits, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # noqa: S603 -- our own interpreter
    return {"pid": os.getpid(), "left": left.pid}


def blurt(asked: Asked) -> dict[str, Any]:
    """Write a variable to both outputs, as no message."""
    for output in (sys.stdout, sys.stderr):
        output.write(f"{os.environ[asked['name']]}\n")
        output.flush()
    return {}


def die(_: Asked) -> dict[str, Any]:
    os._exit(3)


def stay(_: Asked) -> dict[str, Any]:
    """Heed neither the end of the input nor SIGTERM from now on."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return {"pid": os.getpid(), "stays": True}


TOOLS: dict[str, Callable[[Asked], dict[str, Any]]] = {
    tool.__name__: tool for tool in (tell, hold, leave_behind, blurt, die, stay)
}


def answer(asked: Asked) -> dict[str, Any]:
    params = asked.get("params", {})
    match asked["method"]:
        case "initialize":
            about = {"serverInfo": {"name": "telling", "version": "1"}, "capabilities": {"tools": {}}}
            return {"result": {"protocolVersion": params["protocolVersion"], **about}}
        case "tools/call":
            told = TOOLS[params["name"]](params.get("arguments") or {})
            return {"result": {"content": [{"type": "text", "text": json.dumps(told)}]}, "stays": told.get("stays")}
        case "tools/list":
            return {"result": {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]}}
    return {"error": {"code": -32601, "message": "no such method"}}


def main() -> None:
    stays = False
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" in asked:
            told = answer(asked)
            stays = bool(told.pop("stays", False)) or stays
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **told}) + "\n")
            sys.stdout.flush()
    if stays:
        signal.pause()


if __name__ == "__main__":
    main()

"""The MCP inspector, as whoever installs it has it: one run of its command line for each question.

It reads the address and the token from a file, since everybody on the machine can read a command line.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import LocalError
from local.npm import NodePrograms
from local.processes import bare_environment

NAME = "mcp-inspector"
REVISIONS = ("legacy", "modern")
"""What the inspector calls them: that before 2026-07-28, with a handshake, and that since."""

AUTH_REQUIRED, TOOL_ERROR = 3, 5
"""Its exit statuses, beside 0."""

_LAUNCHER = "@modelcontextprotocol/inspector/clients/launcher/build/index.js"
_GUARD = Path(__file__).with_name("inspector_guard.cjs")
_WITHIN = 60

PROGRAMS = NodePrograms("inspector", "The MCP inspector is", (_LAUNCHER,))


@dataclass(frozen=True, slots=True)
class Inspected:
    """How a run ended: its exit status, and the result that it printed; empty if there is none."""

    status: int
    result: Mapping[str, Any]

    @property
    def tools(self) -> list[str]:
        return [tool["name"] for tool in self.result.get("tools", ())]

    @property
    def text(self) -> str:
        return "\n".join(part["text"] for part in self.result.get("content", ()) if part["type"] == "text")


def inspect(url: str, token: str | None, revision: str, *asked: str) -> Inspected:
    """Ask the server at `url` with a token, or without one. `asked` are options of the inspector.

    Raises:
        LocalError: If it does not end in time.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "servers.json").write_text(json.dumps(_servers(url, token)), "utf-8")
        try:
            done = _run(folder, command(folder, revision, *asked))
        except subprocess.TimeoutExpired:
            raise LocalError(f"the inspector has not ended after {_WITHIN} seconds") from None
    return read(done.returncode, done.stdout)


def _run(folder: Path, command: list[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**bare_environment(folder), "MCP_INSPECTOR_SECRET_STORE": "memory"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=_WITHIN,
    )


def read(status: int, printed: bytes) -> Inspected:
    """Read what it printed; without a result, it printed nothing."""
    return Inspected(status, json.loads(printed or b"{}").get("result", {}))


def _servers(url: str, token: str | None) -> dict[str, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return {"mcpServers": {"gateway": {"type": "streamable-http", "url": url, "headers": headers}}}


def command(folder: Path, revision: str, *asked: str) -> list[str]:
    """It signs nobody in (`--stored-auth-only`): that would open a browser, and a port for it to come back to."""
    return [
        # No processes, and files of its own alone: Node's permissions. The guard sees to the network.
        *(str(PROGRAMS.node), "--permission", "--allow-fs-read=*", f"--allow-fs-write={folder}"),
        *("--require", str(_GUARD), str(PROGRAMS.path(_LAUNCHER)), "--cli"),
        *("--config", str(folder / "servers.json"), "--server", "gateway"),
        *("--stored-auth-only", "--quiet", "--format", "json", "--protocol-era", revision, *asked),
    ]

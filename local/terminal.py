"""Somebody at a terminal, with the stock MCP client before the example gateway."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from local import jwt
from local.environment import ROOT
from local.plan import Ports, gateway_url
from local.processes import bare_environment

PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool that is under way."""

    process: subprocess.Popen[bytes] = field(repr=False)
    folder: Path

    def link(self) -> str | None:
        """The link that the client shows; None as long as it shows none."""
        lines = (self.folder / "shown").read_text("utf-8").splitlines()
        return next((line for line in lines if line.startswith("http")), None)

    def asks_for(self) -> str | None:
        """The installation that the link leads to."""
        return parse_qs(urlsplit(self.link() or "").query).get("installation", [None])[0]

    def is_over(self) -> bool:
        return self.process.poll() is not None

    def said(self) -> str:
        """What the tool answered; empty if the client ended in trouble."""
        text = (self.folder / "answered").read_text("utf-8").strip()
        return text if self.process.poll() == 0 else ""


@contextmanager
def calling(account: str, ports: Ports, tool: str, *, handshake: bool = False) -> Iterator[Call]:
    """Sign the account in for the gateway, and call a tool. The client ends with this block, if not before."""
    token = jwt.sign_in(account, ports.first, for_gateway=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**bare_environment(folder), "PYTHONPATH": str(ROOT), "GATEWAY_TOKEN": token}
        revision = ["--handshake"] if handshake else []
        command = [sys.executable, "-m", "examples.client", *revision, gateway_url(ports), tool]
        with (folder / "answered").open("wb") as answered, (folder / "shown").open("wb") as shown:
            process = subprocess.Popen(command, env=environment, cwd=folder, stdout=answered, stderr=shown)
        try:
            yield Call(process, folder)
        finally:
            process.kill()
            process.wait()


def call(account: str, ports: Ports, tool: str) -> str:
    """Call a tool, and wait for what it says; empty if there is no answer in time."""
    with calling(account, ports, tool) as under_way:
        try:
            under_way.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return ""
        return under_way.said()

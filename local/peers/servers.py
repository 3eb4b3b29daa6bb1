"""The authorization servers that nobody here wrote: what each needs, how it starts, and what it says of itself."""

from __future__ import annotations

import http.client
import json
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.environment import DATA, Environment, ensure
from local.errors import LocalError
from local.npm import NodePrograms
from local.peers.notes import READ, WRITE
from local.peers.wire import Wire
from local.plan import ROOT, origin
from local.processes import bare_environment
from local.signing import send
from local.stack import Stack

PORTS_OF_PEER = 3
ACCOUNT = "alice"  # who consents, at every server
ACCESS_SECONDS = 3600
PATIENCE = 60
HERE = Path(__file__).parent
PYTHON = Environment(DATA / "peers-venv", ROOT / "requirements" / "peers.txt")
NODE = NodePrograms(
    "peers",
    "Two of the authorization servers are",
    ("oidc-provider", "miniflare", "workerd", "@cloudflare/workers-oauth-provider"),
)
WELL_KNOWN = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
CLIENT = "notes-server"

_POLL = 0.1


@dataclass(frozen=True, slots=True)
class Peer:
    """One authorization server, by the name of its package. `starts` are the files of ours that start it."""

    name: str
    starts: tuple[str, ...]
    needs_node: bool = True

    @property
    def team(self) -> str:
        """A team of its own, so that nothing of one is met by the next."""
        return self.name.rpartition("/")[2]


PEERS = (
    Peer("oidc-provider", ("oidc_provider.mjs",)),
    Peer("django-oauth-toolkit", ("django_server.py",), needs_node=False),
    Peer("@cloudflare/workers-oauth-provider", ("workers_oauth_provider.mjs", "worker.mjs")),
)


@dataclass(frozen=True, slots=True)
class Place:
    """The ports of one peer: its issuer, which is the wire; the server behind it; and the MCP server."""

    first: int

    @property
    def issuer(self) -> str:
        return origin(self.first)

    @property
    def server(self) -> int:
        return self.first + 1

    @property
    def mcp(self) -> str:
        return f"{origin(self.first + 2)}/mcp"


@dataclass(frozen=True, slots=True)
class Documents:
    """Whether servers take metadata documents of clients, and where they get ours: under `public`, the origin in its
    address, nobody listens; it is found at `reached`."""

    public: str = ""
    reached: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A peer that runs, with what it says of itself (RFC 8414)."""

    peer: Peer
    place: Place
    wire: Wire = field(repr=False)
    metadata: Mapping[str, Any]
    documents: Documents
    secret: str = field(repr=False)


def prepare(peer: Peer, say: Callable[[str], None]) -> None:
    """Install what a peer needs.

    Raises:
        NoNpm: If it needs Node, and there is no npm to get it with.
        LocalError: If this machine cannot do it.
    """
    if not peer.needs_node:
        ensure(PYTHON, say)
        return
    NODE.install()
    for name in peer.starts:  # a module finds packages from where it lies
        shutil.copyfile(HERE / name, NODE.folder / name)


@contextmanager
def running(
    stack: Stack, peer: Peer, place: Place, documents: Documents, access_seconds: int = ACCESS_SECONDS
) -> Iterator[Standing]:
    """Start a peer with a wire before it and an MCP server beside it; stop all three in the end.

    `access_seconds`: how long access tokens live, where a peer lets that be chosen.

    Raises:
        LocalError: If one of them does not come up.
    """
    secret = secrets.token_urlsafe(32)
    lifetime = {"PEER_ACCESS_SECONDS": str(access_seconds)}
    environment = {**_environment(stack, place, documents), **lifetime, "PEER_SECRET": secret}
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, command: Sequence[str], folder: Path, ready: str) -> None:
        log = stack.logs / f"{name}.log"
        started.append(stack.processes.start(command, environment, folder, log))
        _wait_for(started[-1], ready, log)

    try:
        start(peer.team, _command(peer), _folder(peer, stack), f"{origin(place.server)}{WELL_KNOWN[0]}")
        with Wire(place.first, place.server) as wire:
            metadata = metadata_of(place.issuer)
            start(f"{peer.team}-notes", _notes(place, metadata), stack.options.run_dir, place.mcp)
            yield Standing(peer, place, wire, metadata, documents, secret)
    finally:
        stack.processes.stop(started)


def _environment(stack: Stack, place: Place, documents: Documents) -> dict[str, str]:
    return {
        **bare_environment(stack.options.run_dir),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "PEER_PORT": str(place.server),
        "PEER_ISSUER": place.issuer,
        "PEER_RESOURCE": place.mcp,
        "PEER_SCOPES": f"{READ} {WRITE}",
        "PEER_ACCOUNT": ACCOUNT,
        "PEER_CLIENT": CLIENT,
        "PEER_DOCUMENTS": documents.public,
        "PEER_DOCUMENTS_AT": documents.reached,
    }


def _folder(peer: Peer, stack: Stack) -> Path:
    return NODE.folder if peer.needs_node else stack.options.run_dir


def _command(peer: Peer) -> list[str]:
    start = peer.starts[0]
    return [str(NODE.node), start] if peer.needs_node else [str(PYTHON.python), str(HERE / start)]


def _notes(place: Place, metadata: Mapping[str, Any]) -> list[str]:
    asked = metadata.get("introspection_endpoint")
    how = ("--introspection", str(asked), "--client", CLIENT) if asked else ("--probe", f"{place.issuer}/probe")
    port = str(place.first + 2)
    return [sys.executable, "-m", "local.peers.notes", "--port", port, "--issuer", place.issuer, *how]


def metadata_of(issuer: str) -> Mapping[str, Any]:
    """Fetch what a server says of itself, where either specification has it.

    Raises:
        LocalError: If it says nothing.
    """
    for place in WELL_KNOWN:
        answer = send("GET", f"{issuer}{place}")
        if answer.status == 200:
            return dict(json.loads(answer.body))
    raise LocalError(f"The authorization server at {issuer} has no metadata.")


def _wait_for(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise LocalError(f"Nothing answers at {url}; what its server said is in {log}.")
        threading.Event().wait(_POLL)


def _answers(url: str) -> bool:
    try:
        return send("GET", url).status < 500
    except (OSError, http.client.HTTPException):
        return False

"""Start the local services as real processes, and a small OAuth client to talk to the provider with."""

from __future__ import annotations

import os
import random
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import httpx2

from local.services.browser import Browser
from local.services.exchange import s256

ROOT = Path(__file__).parents[2]
LOWEST, HIGHEST = 11_000, 20_000  # whole systems are looked for above


def free_ports(count: int) -> list[int]:
    """Find neighbouring ports that nobody holds, below those that most systems hand out by themselves."""
    for start in random.sample(range(LOWEST, HIGHEST - count), 100):
        if are_free(range(start, start + count)):
            return list(range(start, start + count))
    raise RuntimeError("no free ports")


def are_free(ports: Iterable[int]) -> bool:
    """Say whether a server may take all of these: nobody listens there, and no connection goes out from there."""
    return all(map(_is_free, ports))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return _binds(probe, port)


def _binds(probe: socket.socket, port: int) -> bool:
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def start(name: str, port: int, *options: str, log: Path) -> subprocess.Popen[str]:
    """Start a service, of ours or of the examples; its errors go to the log."""
    environment = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
    with log.open("ab") as errors:
        return subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, "-m", module_of(name), "--port", str(port), *options],
            cwd=ROOT,
            env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )


def module_of(name: str) -> str:
    return name if name.startswith("examples.") else f"local.services.{name}"


def first_line(process: subprocess.Popen[str]) -> str:
    """Wait for the line that says ready; empty if the process ended without one."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


@contextmanager
def running(name: str, port: int, *options: str, log: Path) -> Iterator[subprocess.Popen[str]]:
    with start(name, port, *options, log=log) as process:
        try:
            assert f"ready at http://127.0.0.1:{port}" in first_line(process)
            yield process
        finally:
            process.terminate()
            process.wait(10)


@dataclass(frozen=True)
class Services:
    """The four services; `front` is where Strongroom would be, and nobody listens there."""

    front: str
    issuer: str
    provider: str
    mcp: str
    web: str
    log: Path

    @property
    def callback(self) -> str:
        return f"{self.front}/oauth/callback/key"

    @property
    def signed_in(self) -> str:
        return f"{self.web}/signed-in"

    def control(self, lever: str, **order: object) -> dict[str, list[dict[str, object]]]:
        answer = httpx2.post(f"{self.provider}/control/{lever}", json=order, trust_env=False)
        assert answer.status_code == 200, answer.text
        shown: dict[str, list[dict[str, object]]] = answer.json()
        return shown


@contextmanager
def all_services(folder: Path) -> Iterator[Services]:
    ports = free_ports(5)
    front, issuer, provider, origin, web = (f"http://127.0.0.1:{port}" for port in ports)
    found = Services(front, issuer, provider, f"{origin}/mcp", web, folder / "errors.log")
    with ExitStack() as stack:
        for name, port, options in (
            ("signin", ports[1], ("--redirect-uri", found.signed_in, "--web-origin", web)),
            ("provider", ports[2], ("--resource", found.mcp)),
            ("team_files", ports[3], ("--provider", provider)),
            ("examples.host_page", ports[4], ("--api", front, "--issuer", issuer)),
        ):
            stack.enter_context(running(name, port, *options, log=found.log))
        yield found


@dataclass
class OAuthClient:
    """A client of the provider that does everything right."""

    services: Services
    method: str = "none"
    scope: str = "files:read"
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def __post_init__(self) -> None:
        metadata = {
            "client_name": "A client",
            "redirect_uris": [self.services.callback],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": self.method,
        }
        answer = httpx2.post(f"{self.services.provider}/register", json=metadata, trust_env=False)
        assert answer.status_code == 201
        self.known = answer.json()
        self.identifier: str = self.known["client_id"]

    def authorization_url(self) -> str:
        asked = {
            "response_type": "code",
            "client_id": self.identifier,
            "redirect_uri": self.services.callback,
            "state": "a-state",
            "scope": self.scope,
            "resource": self.services.mcp,
            "code_challenge": s256(self.verifier),
            "code_challenge_method": "S256",
        }
        return f"{self.services.provider}/authorize?{urlencode(asked)}"

    def returned(self, account: str, allow: bool = True) -> dict[str, str]:
        """Let an account consent or deny; give the parameters of the callback."""
        with Browser(account) as browser:
            back = browser.answer(self.authorization_url(), allow)
        assert back.startswith(self.services.callback + "?")
        return dict(parse_qsl(urlsplit(back).query))

    def redeem(self, code: str) -> httpx2.Response:
        sent = {"grant_type": "authorization_code", "code": code, "code_verifier": self.verifier}
        return self.send("token", {**sent, "redirect_uri": self.services.callback, "resource": self.services.mcp})

    def refresh(self, token: str) -> httpx2.Response:
        sent = {"grant_type": "refresh_token", "refresh_token": token, "resource": self.services.mcp}
        return self.send("token", sent)

    def revoke(self, token: str) -> httpx2.Response:
        return self.send("revoke", {"token": token})

    def connect(self, account: str) -> dict[str, str]:
        """Consent as an account and give the token endpoint's answer."""
        tokens: dict[str, str] = self.redeem(self.returned(account)["code"]).json()
        return tokens

    def send(self, endpoint: str, sent: dict[str, str]) -> httpx2.Response:
        secret, basic = self.known.get("client_secret", ""), None
        if self.method == "client_secret_basic":
            basic = (quote_plus(self.identifier), quote_plus(secret))
        else:
            sent = {**sent, "client_id": self.identifier, **({"client_secret": secret} if secret else {})}
        with httpx2.Client(trust_env=False, auth=basic, timeout=10) as client:
            return client.post(f"{self.services.provider}/{endpoint}", data=sent)

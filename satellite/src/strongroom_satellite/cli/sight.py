"""What the doctor looks through: each step of a request on its own."""

from __future__ import annotations

import socket
import ssl
from typing import Protocol

import botocore.session
import httpx2
from botocore.exceptions import BotoCoreError

from strongroom_satellite.answers import Reply
from strongroom_satellite.asks import Ask
from strongroom_satellite.cli.settings import Settings
from strongroom_satellite.credentials import AwsSigner, region_of
from strongroom_satellite.direct import DirectInvoke, lambda_client
from strongroom_satellite.errors import Misconfigured, Unavailable
from strongroom_satellite.origin import is_loopback
from strongroom_satellite.signed import SignedHttp, checked_base


class Sight(Protocol):
    """Each may raise `Misconfigured` or `Unavailable`."""

    def region(self) -> str:
        """Tell the region that signatures are for."""

    def credentials(self) -> str | None:
        """Tell by which of AWS's ways the credentials were found; None if there are none."""

    def address(self) -> Reply:
        """Ask without a signature."""

    def signed(self, ask: Ask) -> Reply: ...

    def direct(self, ask: Ask) -> Reply: ...


class OwnSight:
    """What this machine sees."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session = botocore.session.Session(profile=settings.profile)

    def region(self) -> str:
        return region_of(self._session, self._settings.region)

    def credentials(self) -> str | None:
        try:
            found = self._session.get_credentials()
            if found is None:
                return None
            found.get_frozen_credentials()
        except BotoCoreError as problem:
            raise Misconfigured(f"they cannot be read: {type(problem).__name__}") from None
        return str(found.method)

    def address(self) -> Reply:
        base, patience = checked_base(self._settings.url or ""), self._settings.patience
        timeout = httpx2.Timeout(patience.attempt, connect=patience.connect)
        try:
            with (
                httpx2.Client(trust_env=not is_loopback(base.host), timeout=timeout, follow_redirects=False) as http,
                http.stream("GET", f"{str(base).rstrip('/')}/v1") as answer,  # whatever it is, its body is not read
            ):
                return Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, b"")
        except httpx2.HTTPError as problem:
            raise Unavailable(reason_of(problem)) from None

    def signed(self, ask: Ask) -> Reply:
        patience = self._settings.patience
        way = SignedHttp(self._settings.url or "", AwsSigner(self._session, self.region()), patience)
        try:
            return way.send(ask, patience.attempt)
        finally:
            way.close()

    def direct(self, ask: Ask) -> Reply:
        client = lambda_client(self._session, self.region(), self._settings.patience)
        way = DirectInvoke(self._settings.function or "", client)
        try:
            return way.send(ask, self._settings.patience.attempt)
        finally:
            way.close()


def own_sight(settings: Settings) -> Sight:
    return OwnSight(settings)


def reason_of(problem: BaseException) -> str:
    """Say in our words why there is no answer: the cause that an HTTP client wraps."""
    seen: BaseException | None = problem
    while seen is not None:
        match seen:
            case ssl.SSLCertVerificationError():
                return "its certificate is not one that this machine trusts, or is for another name"
            case ssl.SSLError():
                return "it does not speak TLS as this machine does"
            case socket.gaierror():
                return "its name cannot be resolved"
            case ConnectionRefusedError():
                return "nothing listens there"
            case TimeoutError() | httpx2.TimeoutException():
                return "nothing answers in time"
        seen = seen.__cause__ or seen.__context__
    return f"there is no answer: {type(problem).__name__}"

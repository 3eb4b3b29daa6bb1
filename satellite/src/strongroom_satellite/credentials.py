"""Who this gateway is in AWS, and its signature. Where the credentials are is botocore's affair: the ordinary chain."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any, Protocol

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError

from strongroom_satellite import quiet
from strongroom_satellite.errors import Misconfigured

SERVICE = "execute-api"


class Signer(Protocol):
    def sign(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """Give the headers with a signature among them. Raises: Misconfigured: if there are no credentials."""


class AwsSigner:
    """Signature version 4 for API Gateway. Credentials that run out are fetched anew, each time they have to be."""

    def __init__(self, session: botocore.session.Session, region: str) -> None:
        quiet.about_signatures()
        self._session, self._region = session, region
        self._lock = threading.Lock()
        self._credentials: Any = None

    def sign(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        request = AWSRequest(method, url, headers=dict(headers), data=body)
        SigV4Auth(self._frozen(), SERVICE, self._region).add_auth(request)
        return dict(request.headers.items())

    def _frozen(self) -> Any:
        try:
            with self._lock:  # botocore's sessions are not made for threads, its credentials are
                if self._credentials is None:
                    self._credentials = self._session.get_credentials()
            frozen = self._credentials.get_frozen_credentials() if self._credentials is not None else None
        except (BotoCoreError, ClientError) as problem:
            raise Misconfigured(f"the AWS credentials cannot be read: {type(problem).__name__}") from None
        if frozen is None:
            raise Misconfigured("there are no AWS credentials: set a profile, or run where a role is given")
        return frozen


def region_of(session: botocore.session.Session, given: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """Choose the region: the one given, else `AWS_REGION`, which Lambda, ECS and every other SDK know, else botocore's.

    Raises:
        Misconfigured: If nobody names one, or the profile is not there.
    """
    try:
        region = given or environ.get("AWS_REGION") or session.get_config_variable("region")
    except BotoCoreError as problem:
        raise Misconfigured(f"the AWS configuration cannot be read: {type(problem).__name__}") from None
    if not region:
        raise Misconfigured("no AWS region is named: set AWS_REGION")
    return str(region)

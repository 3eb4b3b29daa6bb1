"""Direct invoke of the token function: half the price of a look-up, for gateways that are trusted for every team."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
)

from strongroom_satellite import quiet
from strongroom_satellite.answers import Reply
from strongroom_satellite.asks import Ask
from strongroom_satellite.errors import Misconfigured, Unavailable, WrongAnswer
from strongroom_satellite.retry import Patience
from strongroom_satellite.signed import checked_base

ALIAS = "direct"
AT_ONCE = 256


class DirectInvoke:
    """The alias `direct` of one deployment's token function. Threads may share it."""

    def __init__(self, function: str, client: Any) -> None:
        self._function, self._client = function, client

    def send(self, ask: Ask, within: float) -> Reply:  # noqa: ARG002 -- botocore's timeouts are the client's, not a call's
        """Invoke once, with the timeouts that the client was made with.

        Raises:
            Misconfigured: If this way does not know the question.
        """
        if ask.payload is None:
            raise Misconfigured(
                "direct invoke only looks up and reports; give the URL of Strongroom for everything else"
            )
        try:
            told = self._client.invoke(
                FunctionName=self._function, Qualifier=ALIAS, Payload=json.dumps(ask.payload).encode()
            )
            return _reply(told)
        except NoCredentialsError:
            raise Misconfigured("there are no AWS credentials: set a profile, or run where a role is given") from None
        except ClientError as refused:
            return _refused(refused)
        except (ConnectionError, HTTPClientError, IncompleteReadError) as problem:
            raise Unavailable(f"Lambda does not answer: {type(problem).__name__}") from None
        except BotoCoreError as problem:
            raise Misconfigured(f"Lambda cannot be asked: {type(problem).__name__}") from None

    def close(self) -> None:
        self._client.close()


def region_of_arn(function: str) -> str | None:
    """Read the region out of a function's ARN; None if it is only a name."""
    parts = function.split(":")
    return parts[3] if len(parts) > 5 and parts[0] == "arn" else None


def lambda_client(session: botocore.session.Session, region: str, patience: Patience) -> Any:
    """Make the client. It retries nothing by itself."""
    quiet.about_signatures()
    config = Config(
        connect_timeout=patience.connect,
        read_timeout=patience.attempt,
        retries={"total_max_attempts": 1},
        max_pool_connections=AT_ONCE,
    )
    try:
        client = session.create_client("lambda", region_name=region, config=config)
    except BotoCoreError as problem:
        raise Misconfigured(f"the AWS configuration cannot be read: {type(problem).__name__}") from None
    checked_base(client.meta.endpoint_url)  # the environment may name another, and tokens come back from it
    return client


def _reply(told: Mapping[str, Any]) -> Reply:
    sent = _headers(told.get("ResponseMetadata", {}))
    if told.get("FunctionError"):
        return Reply(500, sent, b"")  # what it says then may be anything: a traceback, a timeout's text
    match _payload(told["Payload"].read()):
        case {"statusCode": int(status), "headers": dict(headers), "body": str(body)}:
            named = {name.lower(): str(value) for name, value in headers.items()}
            return Reply(status, {**sent, **named}, body.encode(errors="surrogatepass"))
    raise WrongAnswer("an answer that is not Strongroom's: is this its token function?")


def _payload(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _refused(refused: ClientError) -> Reply:
    """Lambda's own refusal: no such function, not allowed, too many at once."""
    about = refused.response.get("ResponseMetadata", {})
    return Reply(int(about.get("HTTPStatusCode", 500)), _headers(about), b"")


def _headers(about: Mapping[str, Any]) -> dict[str, str]:
    kept = ("date", "retry-after")
    return {name: str(about["HTTPHeaders"][name]) for name in kept if name in about.get("HTTPHeaders", {})}

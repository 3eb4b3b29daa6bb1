"""Get a demo account's access token from the running system's sign-in service."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request

from local.errors import LocalError

SIGN_IN, GATEWAY = 2, 6
NOT_OURS = "What answers there is not Strongroom's sign-in service: choose another --port."


def sign_in(account: str, port: int, *, for_gateway: bool = False) -> str:
    """Sign the account in and return its access token: for Strongroom's API, or for the example gateway alone.

    `port` is the first one of the local system.

    Raises:
        LocalError: If nothing answers there, or the account is not known.
    """
    url = f"http://127.0.0.1:{port + SIGN_IN}/token"
    resource = f"http://127.0.0.1:{port + GATEWAY}/mcp" if for_gateway else None
    # A proxy of the environment must not see what is said on loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, data=_form(account, resource), timeout=10) as answer:
            return token_of(answer.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            sentence = f"There is no demo account {account!r}." if refusal.code in (400, 401) else NOT_OURS
            raise LocalError(sentence) from None
    except OSError:
        start = f"python3 dev.py serve --port {port}"
        raise LocalError(f"No sign-in service answers at {url}: start it with {start}") from None


def _form(account: str, resource: str | None) -> bytes:
    fields = {
        **({"resource": resource} if resource else {}),
        "grant_type": "password",
        "username": account,
        "password": "demo",
        "scope": "strongroom",
        "client_id": "strongroom-web",
    }
    return urllib.parse.urlencode(fields).encode()


def token_of(body: bytes) -> str:
    try:
        return str(json.loads(body)["access_token"])
    except (ValueError, KeyError, TypeError):
        raise LocalError(NOT_OURS) from None

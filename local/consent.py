"""`dev.py consent`: play a person's browser at the provider, for whoever follows along in a terminal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

import httpx2

from local.errors import LocalError
from local.services.browser import Browser, Stuck


def main(arguments: Sequence[str]) -> int:
    """Open an authorization URL, sign in as the account, allow or deny, and print what the web client would receive."""
    parser = argparse.ArgumentParser(prog="dev.py consent")
    parser.add_argument("account")
    parser.add_argument("url")
    parser.add_argument("--deny", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        with Browser(asked.account) as browser:
            arrival = browser.consent(asked.url, allow=not asked.deny)
    except Stuck as problem:
        raise LocalError(f"The provider does not go on with {asked.account!r} at this URL ({problem}).") from problem
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as problem:
        raise LocalError("No provider answers at this URL: give the authorization_url as it was printed.") from problem
    if arrival.authorization is None and arrival.status == 200:
        raise LocalError("This authorization has been answered before: begin another one.")
    if arrival.authorization is None:
        raise LocalError(f"Strongroom did not accept the provider's answer (status {arrival.status}).")
    print(json.dumps(dict(arrival.fragment)))
    return 0

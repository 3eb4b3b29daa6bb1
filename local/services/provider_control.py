"""The control port: levers for the demo and the tests. Loopback only, POST with JSON, never from a web page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.services.exchange import LOOPBACK_HOSTS, OAuthError, answer, body
from local.services.provider_clients import Clients
from local.services.provider_faults import Faults
from local.services.provider_journal import Journal, report
from local.services.provider_ledger import Ledger, Lifetimes
from local.services.provider_manners import Manners
from local.services.visits import is_known

Order = Mapping[str, object]
Lever = Callable[[Order], dict[str, object]]


class Control:
    """`state`, `withdraw {account}`, `spoil {account}` (its access tokens end before their time), `forget {client_id}`,
    `lifetimes {access: 5, ...}`, `faults {kind, ...}` and `faults {}`, which clears them.

    What a browser meets: `isolate {on}` (its pages cut themselves off from whatever opened them), `slow {seconds}` (each of
    its pages takes so long).

    A client that a person enters by hand, and its secrets:

    - `client {redirect_uri, method?, name?}` registers a confidential client with this one redirect URI, and answers
      `{client_id, client_secret, token_endpoint_auth_method, ...}`. `method` is `client_secret_basic`, if it is left out.
    - `rotate {client_id, end_old?}` answers `{client_id, client_secret}`: another secret. The ones before it stay good until
      they are ended; with `end_old` true they are ended at once.
    - `end_old {client_id}` ends all but the newest one, and answers `{ended: how many}`.
    """

    def __init__(self, ledger: Ledger, clients: Clients, journal: Journal, faults: Faults, manners: Manners) -> None:
        self._ledger, self._clients, self._journal, self._faults = ledger, clients, journal, faults
        self._manners = manners

    def routes(self) -> list[Route]:
        levers: dict[str, Lever] = {
            "state": self._state,
            "withdraw": self._withdraw,
            "spoil": self._spoil,
            "forget": self._forget,
            "lifetimes": self._lifetimes,
            "faults": self._order_faults,
            "isolate": self._isolate,
            "slow": self._slow,
            "client": self._client,
            "rotate": self._rotate,
            "end_old": self._end_old,
        }
        return [Route(f"/control/{name}", _guarded(lever), methods=["POST"]) for name, lever in levers.items()]

    def _state(self, _order: Order) -> dict[str, object]:
        return report(self._ledger, self._clients, self._journal, self._faults.done)

    def _withdraw(self, order: Order) -> dict[str, object]:
        return {"ended": self._ledger.withdraw(_account(order))}

    def _spoil(self, order: Order) -> dict[str, object]:
        return {"spoilt": self._ledger.spoil(_account(order))}

    def _forget(self, order: Order) -> dict[str, object]:
        return {"forgotten": self._clients.forget(str(order.get("client_id", "")))}

    def _lifetimes(self, order: Order) -> dict[str, object]:
        known = {field.name for field in fields(Lifetimes)}
        for name, value in order.items():
            if name not in known or not isinstance(value, int) or isinstance(value, bool) is not (name == "rotate"):
                raise OAuthError("invalid_request", "code, access, refresh and grace are seconds, rotate is a boolean.")
        for name, value in order.items():
            setattr(self._ledger.lifetimes, name, value)
        return {"lifetimes": dict(order)}

    def _client(self, order: Order) -> dict[str, object]:
        method, name = (
            order.get("method", "client_secret_basic"),
            order.get("name", "A client that was entered by hand"),
        )
        return self._clients.enter(str(order.get("redirect_uri", "")), str(method), str(name))

    def _rotate(self, order: Order) -> dict[str, object]:
        end_old = order.get("end_old", False)
        if not isinstance(end_old, bool):
            raise OAuthError("invalid_request", "end_old is a boolean.")
        client_id = str(order.get("client_id", ""))
        return {"client_id": client_id, "client_secret": self._clients.rotate(client_id, end_old=end_old)}

    def _end_old(self, order: Order) -> dict[str, object]:
        return {"ended": self._clients.end_old(str(order.get("client_id", "")))}

    def _isolate(self, order: Order) -> dict[str, object]:
        self._manners.isolate(order.get("on"))
        return {"isolated": self._manners.isolated}

    def _slow(self, order: Order) -> dict[str, object]:
        self._manners.slow(order.get("seconds"))
        return {"seconds": self._manners.seconds}

    def _order_faults(self, order: Order) -> dict[str, object]:
        if order:
            return {"ordered": self._faults.add(order)}
        self._faults.clear()
        return {"ordered": 0}


def _account(order: Order) -> str:
    account = order.get("account")
    if not isinstance(account, str) or not is_known(account):
        raise OAuthError("invalid_request", "account is one of the demo accounts.")
    return account


def _guarded(lever: Lever) -> Callable[[Request], object]:
    async def pull(request: Request) -> Response:
        try:
            return answer(lever(await _order(request)))
        except OAuthError as refused:
            return refused.response()

    return pull


async def _order(request: Request) -> Order:
    """Read an order of somebody on this machine. A page in a browser sends `Origin`, and cannot send JSON to another
    origin without asking first; both are refused.

    Raises:
        OAuthError: If it is no such order.
    """
    if request.client is None or request.client.host not in LOOPBACK_HOSTS or "origin" in request.headers:
        raise OAuthError("access_denied", "Only from this machine, and not from a web page.", 403)
    if request.headers.get("content-type") != "application/json":
        raise OAuthError("invalid_request", "Send application/json.", 415)
    try:
        order = json.loads(await body(request))
    except ValueError as broken:
        raise OAuthError("invalid_request", "This is no JSON.") from broken
    if not isinstance(order, dict):
        raise OAuthError("invalid_request", "Send a JSON object.")
    return order

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
from local.services.visits import ACCOUNTS

Order = Mapping[str, object]
Lever = Callable[[Order], dict[str, object]]


class Control:
    """`state`, `withdraw {account}`, `forget {client_id}`, `lifetimes {access: 5, ...}`, `faults {kind, ...}` and
    `faults {}`, which clears them."""

    def __init__(self, ledger: Ledger, clients: Clients, journal: Journal, faults: Faults) -> None:
        self._ledger, self._clients, self._journal, self._faults = ledger, clients, journal, faults

    def routes(self) -> list[Route]:
        levers: dict[str, Lever] = {
            "state": self._state,
            "withdraw": self._withdraw,
            "forget": self._forget,
            "lifetimes": self._lifetimes,
            "faults": self._order_faults,
        }
        return [Route(f"/control/{name}", _guarded(lever), methods=["POST"]) for name, lever in levers.items()]

    def _state(self, _order: Order) -> dict[str, object]:
        return report(self._ledger, self._clients, self._journal, self._faults.done)

    def _withdraw(self, order: Order) -> dict[str, object]:
        account = order.get("account")
        if account not in ACCOUNTS:
            raise OAuthError("invalid_request", "account is one of the demo accounts.")
        return {"ended": self._ledger.withdraw(account)}

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

    def _order_faults(self, order: Order) -> dict[str, object]:
        if order:
            return {"ordered": self._faults.add(order)}
        self._faults.clear()
        return {"ordered": 0}


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

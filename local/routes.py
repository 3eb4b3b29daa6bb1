"""Which route a request belongs to, and what browsers of other origins are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from local.api import Cors
from local.functions import Function
from local.sources import Route


@dataclass(frozen=True, slots=True)
class Match:
    """The route of a request, its function's logical id, and the values of its path parameters."""

    route: Route
    function: str
    parameters: Mapping[str, str]


def find_route(method: str, path: str, functions: Iterable[Function]) -> Match | None:
    """Choose as API Gateway does: the most literal path first, a greedy `{name+}` last, ANY after the method itself.

    `path` is decoded already: a parameter whose value held an encoded slash matches nothing.
    """
    found = [
        match for function in functions for route in function.routes if (match := _try(method, path, route, function))
    ]
    return min(found, key=lambda match: _rank(match.route), default=None)


def _try(method: str, path: str, route: Route, function: Function) -> Match | None:
    if route.path == "$default":
        return Match(route, function.logical_id, {})
    if route.method not in (method, "ANY"):
        return None
    parameters = _parameters(route.path.split("/"), path.split("/"))
    return None if parameters is None else Match(route, function.logical_id, parameters)


def _parameters(wanted: list[str], given: list[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for position, part in enumerate(wanted):
        rest = "/".join(given[position:])
        if part.endswith("+}"):
            return {**found, part[1:-2]: rest} if rest else None
        if position >= len(given):
            return None
        if part.startswith("{") and given[position]:
            found[part[1:-1]] = given[position]
        elif part != given[position]:
            return None
    return found if len(wanted) == len(given) else None


def _rank(route: Route) -> tuple[list[int], bool]:
    parts = [2 if part.endswith("+}") else int(part.startswith("{")) for part in route.path.split("/")]
    return [3] if route.path == "$default" else parts, route.method == "ANY"


def is_preflight(method: str, headers: Mapping[str, str], cors: Cors | None) -> bool:
    """Whether API Gateway answers by itself, without a route or an authorizer (Fetch, "CORS-preflight request")."""
    return (
        cors is not None and method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers
    )


def cors_headers(headers: Mapping[str, str], cors: Cors | None, *, preflight: bool = False) -> dict[str, str]:
    """What this origin may know. Nothing for an origin that is not allowed."""
    origin = headers.get("origin", "")
    if cors is None or not origin or not ({origin, "*"} & set(cors.origins)):
        return {}
    answer = {"access-control-allow-origin": "*" if "*" in cors.origins else origin}
    if cors.credentials:
        answer["access-control-allow-credentials"] = "true"
    if not preflight:
        return answer | ({"access-control-expose-headers": ",".join(cors.expose)} if cors.expose else {})
    answer |= {"access-control-allow-methods": ",".join(cors.methods)} if cors.methods else {}
    answer |= {"access-control-allow-headers": ",".join(cors.headers)} if cors.headers else {}
    return answer | ({"access-control-max-age": str(cors.max_age)} if cors.max_age is not None else {})

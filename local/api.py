"""The HTTP API of the template: its JWT authorizers and what it answers to other origins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from local.functions import Function
from local.intrinsics import TemplateError, Tree
from local.sources import IAM
from local.template import Resource, Template

_API = {"Auth", "CorsConfiguration", "StageName"}
_API_WITHOUT_MEANING = {
    "AccessLogSettings",
    "DefaultRouteSettings",
    "Description",
    "DisableExecuteApiEndpoint",
    "Domain",
    "FailOnWarnings",
    "Name",
    "PropagateTags",
    "RouteSettings",
    "Tags",
}
_CORS = {"AllowCredentials", "AllowHeaders", "AllowMethods", "AllowOrigins", "ExposeHeaders", "MaxAge"}


@dataclass(frozen=True, slots=True)
class JwtRules:
    """What a JWT authorizer demands."""

    issuer: str
    audience: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cors:
    """CorsConfiguration of an HTTP API. Header names are lower case; `max_age` in seconds."""

    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    expose: tuple[str, ...] = ()
    credentials: bool = False
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class Api:
    """The one HTTP API of the template."""

    authorizers: Mapping[str, JwtRules] = field(default_factory=dict)
    iam: bool = False
    cors: Cors | None = None


def api_of(template: Template, values: Mapping[str, Tree], functions: Iterable[Function]) -> Api:
    """Read the API and check that every route's authorizer is one that it has.

    Raises:
        TemplateError: If there are several APIs, or a route names an unknown authorizer.
    """
    resources = template.of_type("AWS::Serverless::HttpApi")
    if len(resources) > 1:
        raise TemplateError(f"{resources[1].logical_id}: only one HTTP API is understood")
    api = _api(template, resources[0], values) if resources else Api()
    for function in functions:
        for route in function.routes:
            if route.authorizer not in (None, *api.authorizers, *([IAM] if api.iam else [])):
                raise TemplateError(
                    f"{function.logical_id}: {route.key} names the unknown authorizer {route.authorizer}"
                )
    return api


def _api(template: Template, resource: Resource, values: Mapping[str, Tree]) -> Api:
    resource.only(_API | _API_WITHOUT_MEANING)
    found = template.resolved(resource, values, *_API)
    if found.get("StageName", "$default") != "$default":
        raise TemplateError(f"{resource.logical_id}: only the stage $default is understood")
    auth = found.get("Auth", {})
    resource.only({"Authorizers", "DefaultAuthorizer", "EnableIamAuthorizer"}, "Auth ", auth)
    authorizers = {name: _jwt(resource, name, body) for name, body in auth.get("Authorizers", {}).items()}
    cors = found.get("CorsConfiguration")
    return Api(authorizers, _is_true(auth.get("EnableIamAuthorizer")), None if not cors else _cors(resource, cors))


def _is_true(value: Tree) -> bool:
    return str(value).lower() == "true"


def _jwt(resource: Resource, name: str, body: Mapping[str, Tree]) -> JwtRules:
    resource.only({"IdentitySource", "JwtConfiguration"}, f"authorizer {name}: ", body)
    if body.get("IdentitySource", "$request.header.Authorization").lower() != "$request.header.authorization":
        raise TemplateError(f"{resource.logical_id}: authorizer {name}: only the Authorization header is understood")
    rules = body["JwtConfiguration"]
    audience = rules["audience"]
    return JwtRules(str(rules["issuer"]), (audience,) if isinstance(audience, str) else tuple(audience))


def _cors(resource: Resource, body: Tree) -> Cors:
    if not isinstance(body, dict):
        raise TemplateError(f"{resource.logical_id}: CorsConfiguration has to be a mapping")
    resource.only(_CORS, "CorsConfiguration ", body)
    return Cors(
        _texts(body.get("AllowOrigins")),
        _texts(body.get("AllowMethods")),
        tuple(name.lower() for name in _texts(body.get("AllowHeaders"))),
        tuple(name.lower() for name in _texts(body.get("ExposeHeaders"))),
        _is_true(body.get("AllowCredentials")),
        int(body["MaxAge"]) if "MaxAge" in body else None,
    )


def _texts(value: Tree) -> tuple[str, ...]:
    items = [] if value is None else value if isinstance(value, list) else [value]
    flat = [entry for item in items for entry in (item if isinstance(item, list) else [item])]
    return tuple(str(item) for item in flat)

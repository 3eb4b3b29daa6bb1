"""API Gateway's part of a request: route, authorizer, invocation, answer."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from local.api import Api
from local.errors import LocalError
from local.execution import Answer
from local.functions import Function
from local.iam_authorizer import Forbidden, IamAuthorizer
from local.jwt_authorizer import JwtAuthorizer, MissingScope, Unauthorized
from local.payload import Request, Response, build_event, read_result, refusal
from local.routes import cors_headers, find_route, is_preflight
from local.runtime import Throttled
from local.sources import IAM, Route

CUT = 30.0  # seconds after which an HTTP API answers without its function
MOST_BODY = 10 * 1024 * 1024
MOST_HEAD = 10_240

Invoke = Callable[[str, bytes], Answer]


@dataclass(frozen=True, slots=True)
class Authorizers:
    """Those of the template, by name, and the one for IAM."""

    jwt: Mapping[str, JwtAuthorizer]
    iam: IamAuthorizer

    def authorize(self, route: Route, request: Request) -> Mapping[str, Any] | None:
        """Answer `requestContext.authorizer`; None for a route without an authorizer.

        Raises:
            Unauthorized, MissingScope, Forbidden: If the request is not for this caller.
        """
        if route.authorizer is None:
            return None
        if route.authorizer == IAM:
            return self.iam.authorize(request)
        return self.jwt[route.authorizer].authorize(request.joined.get("authorization"), route.scopes)


class Gateway:
    """One HTTP API."""

    def __init__(
        self,
        functions: Iterable[Function],
        api: Api,
        authorizers: Authorizers,
        invoke: Invoke,
        now: Callable[[], float],
        cut: float = CUT,
    ) -> None:
        self._functions, self._api, self._authorizers = tuple(functions), api, authorizers
        self._invoke, self._now, self._cut = invoke, now, cut
        self._threads = ThreadPoolExecutor(max_workers=64, thread_name_prefix="invocation")

    def handle(self, request: Request) -> Response:
        """Answer a request as API Gateway would, its own refusals included."""
        headers = request.joined
        if is_preflight(request.method, headers, self._api.cors):
            return Response(204, tuple(cors_headers(headers, self._api.cors, preflight=True).items()))
        request_id = base64.urlsafe_b64encode(os.urandom(11)).decode()
        response = self._answer(request, request_id)
        kept = response.headers
        if self._api.cors is not None:  # API Gateway then ignores what the function says about it
            kept = tuple((name, value) for name, value in kept if not name.startswith("access-control-"))
        own = (("apigw-requestid", request_id), *cors_headers(headers, self._api.cors).items())
        return replace(response, headers=(*kept, *own))

    def _answer(self, request: Request, request_id: str) -> Response:
        match = find_route(request.method, request.path, self._functions)
        if match is None:
            return refusal(404)
        try:
            identity = self._authorizers.authorize(match.route, request)
        except Unauthorized:
            return refusal(401, www_authenticate="Bearer")
        except MissingScope:
            return refusal(403, www_authenticate='Bearer error="insufficient_scope"')
        except Forbidden:
            return refusal(403)
        event = build_event(request, match, identity, request_id, self._now())
        return self._run(match.function, json.dumps(event).encode())

    def _run(self, function: str, payload: bytes) -> Response:
        running = self._threads.submit(self._invoke, function, payload)
        try:
            answer = running.result(timeout=self._cut)
        except (TimeoutError, Throttled):
            return refusal(503)
        except LocalError:
            return refusal(500)
        return refusal(500) if answer.failed else read_result(answer.payload)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

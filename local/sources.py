"""What invokes functions: routes of the HTTP API, queues and schedules of the template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from local.accounts import ACCOUNT, REGION
from local.intrinsics import TemplateError, Tree
from local.template import Resource, Template

IAM = "AWS_IAM"

_HTTP_EVENT = {"ApiId", "Auth", "Method", "Path", "PayloadFormatVersion", "RouteSettings", "TimeoutInMillis"}
_SQS_EVENT = {
    "BatchSize",
    "Enabled",
    "FunctionResponseTypes",
    "MaximumBatchingWindowInSeconds",
    "Queue",
    "ScalingConfig",
}
_SCHEDULE_EVENT = {
    "DeadLetterConfig",
    "Description",
    "FlexibleTimeWindow",
    "GroupName",
    "Input",
    "Name",
    "OmitName",
    "PermissionsBoundary",
    "RetryPolicy",
    "RoleArn",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "State",
}


@dataclass(frozen=True, slots=True)
class Route:
    """One route: `authorizer` is a JWT authorizer's name, `AWS_IAM` or None; one of `scopes` is needed, if any."""

    method: str
    path: str
    authorizer: str | None
    scopes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class QueueSource:
    """A queue that invokes the function. `window` is for how many seconds a batch may fill, `partial` is
    ReportBatchItemFailures, `at_once` how many batches may be under way (None: as many as the poller likes)."""

    queue_arn: str
    batch_size: int
    window: int = 0
    partial: bool = False
    at_once: int | None = None


@dataclass(frozen=True, slots=True)
class ScheduleSource:
    """A schedule that invokes the function; `input` None is the scheduler's own event."""

    name: str
    expression: str
    input: str | None

    @property
    def arn(self) -> str:
        return f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{self.name}"


def events_of(
    template: Template, resource: Resource, values: Mapping[str, Tree]
) -> Iterator[Route | QueueSource | ScheduleSource]:
    """Read what invokes a function. A disabled source is none."""
    events = template.resolved(resource, values, "Events").get("Events", {})
    for name, event in events.items():
        resource.only({"Properties", "Type"}, f"event {name}: ", event)
        properties = event.get("Properties", {})
        match event.get("Type"):
            case "HttpApi":
                resource.only(_HTTP_EVENT, f"event {name}: ", properties)
                yield _route(resource, name, properties, _default_authorizer(template, values))
            case "SQS":
                resource.only(_SQS_EVENT, f"event {name}: ", properties)
                yield from _queue_source(properties)
            case "ScheduleV2":
                resource.only(_SCHEDULE_EVENT, f"event {name}: ", properties)
                yield from _schedule(resource, name, properties)
            case kind:
                raise TemplateError(f"{resource.logical_id}: event {name} of type {kind} is not understood")


def _default_authorizer(template: Template, values: Mapping[str, Tree]) -> str | None:
    for api in template.of_type("AWS::Serverless::HttpApi"):
        auth = template.resolved(api, values, "Auth").get("Auth", {})
        name = auth.get("DefaultAuthorizer")
        return None if name is None else str(name)
    return None


def _route(resource: Resource, name: str, properties: Mapping[str, Tree], default: str | None) -> Route:
    if str(properties.get("PayloadFormatVersion", "2.0")) != "2.0":
        raise TemplateError(f"{resource.logical_id}: event {name}: only payload format 2.0 is understood")
    auth = properties.get("Auth", {})
    resource.only({"Authorizer", "AuthorizationScopes"}, f"event {name}: Auth ", auth)
    authorizer = auth.get("Authorizer", default)
    method, path = str(properties.get("Method", "ANY")).upper(), str(properties.get("Path", "$default"))
    scopes = tuple(str(scope) for scope in auth.get("AuthorizationScopes", []))
    return Route(
        "ANY" if method == "X-AMAZON-APIGATEWAY-ANY-METHOD" else method,
        path,
        None if authorizer == "NONE" else authorizer,
        scopes,
    )


def _queue_source(properties: Mapping[str, Tree]) -> Iterator[QueueSource]:
    if str(properties.get("Enabled", True)).lower() == "true":
        most = properties.get("ScalingConfig", {}).get("MaximumConcurrency")
        yield QueueSource(
            str(properties["Queue"]),
            int(properties.get("BatchSize", 10)),
            int(properties.get("MaximumBatchingWindowInSeconds", 0)),
            "ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
            None if most is None else int(most),
        )


def _schedule(resource: Resource, name: str, properties: Mapping[str, Tree]) -> Iterator[ScheduleSource]:
    if properties.get("State", "ENABLED") == "ENABLED":
        own = str(properties.get("Name", f"{resource.logical_id}{name}"))
        yield ScheduleSource(own, str(properties["ScheduleExpression"]), properties.get("Input"))

"""Functions, their events and the API of the template, with every intrinsic function resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.accounts import ACCOUNT, REGION
from local.intrinsics import TemplateError, Tree
from local.sources import QueueSource, Route, ScheduleSource, events_of
from local.storage import queues_of, tables_of
from local.template import Resource, Template

_FUNCTION_MEANING = {
    "AutoPublishAlias",
    "CodeUri",
    "Environment",
    "Events",
    "FunctionName",
    "Handler",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "Timeout",
}
_FUNCTION_WITHOUT_MEANING = {
    "Architectures",
    "AutoPublishAliasAllProperties",
    "AutoPublishCodeSha256",
    "DeploymentPreference",
    "Description",
    "EphemeralStorage",
    "EventInvokeConfig",
    "KmsKeyArn",
    "PackageType",
    "PermissionsBoundary",
    "Policies",
    "PropagateTags",
    "RecursiveLoop",
    "ReservedConcurrentExecutions",
    "Role",
    "RolePath",
    "Runtime",
    "RuntimeManagementConfig",
    "SnapStart",
    "Tags",
    "Tracing",
    "VersionDescription",
}


@dataclass(frozen=True, slots=True)
class Function:
    """One function: where its code is, what it is given, and what invokes it. `timeout` in seconds, `memory` in MB."""

    logical_id: str
    name: str
    handler: str
    folder: Path
    layers: tuple[Path, ...]
    timeout: int
    memory: int
    alias: str | None
    log_format: str
    environment: Mapping[str, str]
    routes: tuple[Route, ...]
    queues: tuple[QueueSource, ...]
    schedules: tuple[ScheduleSource, ...]

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"


def local_values(template: Template, endpoint: str, key_arns: Mapping[str, str]) -> dict[str, Tree]:
    """Say what `!Ref` and `!GetAtt` of the template's resources mean on this machine.

    `endpoint` is the URL of the AWS stand-in; `key_arns` are the keys that were created there, by logical id.
    """
    values: dict[str, Tree] = {}
    for queue in queues_of(template):
        values |= {queue.logical_id: queue.url(endpoint), f"{queue.logical_id}.Arn": queue.arn}
        values[f"{queue.logical_id}.QueueName"] = queue.name
    for table in tables_of(template):
        values |= {table.logical_id: table.name, f"{table.logical_id}.Arn": table.arn}
    for logical_id, arn in key_arns.items():
        values |= {logical_id: arn.rsplit("/", 1)[-1], f"{logical_id}.Arn": arn}
    for layer in template.of_type("AWS::Serverless::LayerVersion"):
        values[layer.logical_id] = str(_content(template, layer))
    for api in template.of_type("AWS::Serverless::HttpApi"):
        values[api.logical_id] = api.logical_id
    for function in template.of_type("AWS::Serverless::Function"):
        name = template.name_of(function, "FunctionName")
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        values |= {function.logical_id: name, f"{function.logical_id}.Arn": arn}
    return values


def _content(template: Template, layer: Resource) -> Path:
    folder = template.folder / str(template.resolved(layer, {}, "ContentUri")["ContentUri"])
    return folder / "python" if (folder / "python").is_dir() else folder


def functions_of(template: Template, values: Mapping[str, Tree]) -> tuple[Function, ...]:
    return tuple(_function(template, item, values) for item in template.of_type("AWS::Serverless::Function"))


def _function(template: Template, resource: Resource, values: Mapping[str, Tree]) -> Function:
    resource.only(_FUNCTION_MEANING | _FUNCTION_WITHOUT_MEANING)
    found = template.resolved(resource, values, *(_FUNCTION_MEANING - {"Events", "FunctionName", "LoggingConfig"}))
    if missing := {"Handler", "CodeUri"} - set(found):
        raise TemplateError(f"{resource.logical_id}: {', '.join(sorted(missing))} is missing")
    events = tuple(events_of(template, resource, values))
    return Function(
        resource.logical_id,
        template.name_of(resource, "FunctionName"),
        str(found["Handler"]),
        template.folder / str(found["CodeUri"]),
        tuple(_layer(resource, layer) for layer in found.get("Layers", [])),
        int(found.get("Timeout", 3)),
        int(found.get("MemorySize", 128)),
        found.get("AutoPublishAlias"),
        str(resource.properties.get("LoggingConfig", {}).get("LogFormat", "Text")),
        {name: _text(value) for name, value in found.get("Environment", {}).get("Variables", {}).items()},
        tuple(event for event in events if isinstance(event, Route)),
        tuple(event for event in events if isinstance(event, QueueSource)),
        tuple(event for event in events if isinstance(event, ScheduleSource)),
    )


def _layer(resource: Resource, layer: Tree) -> Path:
    if not Path(str(layer)).is_dir():
        raise TemplateError(f"{resource.logical_id}: the layer {layer} is not on this machine")
    return Path(str(layer))


def _text(value: Tree) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

"""The project's SAM template as this machine needs it: frozen values, and an error for everything not understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from local.accounts import ACCOUNT, REGION
from local.intrinsics import NO_VALUE, Scope, TemplateError, Tree, holds, load_yaml, resolve

STACK_NAME = "strongroom"

_SECTIONS = {
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
}
_RESOURCE_KEYS = {
    "Condition",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
}
_MADE_HERE = {
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::SQS::Queue",
    "AWS::Serverless::Function",
    "AWS::Serverless::HttpApi",
    "AWS::Serverless::LayerVersion",
}
# Permissions, watching and names in the public DNS: nothing on this machine would enforce or show them.
_WITHOUT_MEANING_HERE = {
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::AppConfig::Application",
    "AWS::AppConfig::ConfigurationProfile",
    "AWS::AppConfig::HostedConfigurationVersion",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::QueryDefinition",
    "AWS::Route53::RecordSet",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::ScheduleGroup",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource that exists here: its properties still hold intrinsic functions."""

    logical_id: str
    type: str
    properties: Mapping[str, Tree]

    def only(self, known: set[str], where: str = "", among: Mapping[str, Tree] | None = None) -> None:
        """Refuse what is not known, by name."""
        unknown = set(self.properties if among is None else among) - known
        if unknown:
            raise TemplateError(f"{self.logical_id}: {where}{', '.join(sorted(unknown))} is not understood")


@dataclass(frozen=True, slots=True)
class Template:
    """A template under given parameter values. Resources whose condition is false are not in it."""

    folder: Path
    scope: Scope
    resources: tuple[Resource, ...] = field(default=())

    def of_type(self, kind: str) -> tuple[Resource, ...]:
        return tuple(resource for resource in self.resources if resource.type == kind)

    def resolved(self, resource: Resource, values: Mapping[str, Tree], *names: str) -> dict[str, Tree]:
        """Resolve the named properties; those that are absent, or that are AWS::NoValue, are absent from the answer."""
        scope = self.scope.with_values(values)
        found = {
            name: resolve(resource.properties[name], scope, resource.logical_id)
            for name in names
            if name in resource.properties
        }
        return {name: value for name, value in found.items() if value is not NO_VALUE}

    def name_of(self, resource: Resource, property_name: str) -> str:
        """The resource's name: its own, or one of the stack and its logical id."""
        return str(self.resolved(resource, {}, property_name).get(property_name, f"{STACK_NAME}-{resource.logical_id}"))


def load_template(path: Path, overrides: Mapping[str, str] | None = None) -> Template:
    """Read the template and decide its conditions under the parameters' defaults and the overrides.

    Raises:
        TemplateError: If a parameter has no value, an override no parameter, or a resource a type that this machine
            neither makes nor knows to be without meaning here.
    """
    raw = load_yaml(path)
    _refuse_unknown(path.name, raw, _SECTIONS)
    scope = Scope({**_pseudo_parameters(), **_parameters(raw, overrides or {})}, raw.get("Conditions", {}))
    shared = raw.get("Globals", {})
    read = partial(_resource, scope=scope, shared=shared)
    present = (read(name, body) for name, body in raw.get("Resources", {}).items())
    return Template(path.resolve().parent, scope, tuple(resource for resource in present if resource))


def _refuse_unknown(owner: str, given: Mapping[str, Tree], known: set[str]) -> None:
    unknown = set(given) - known
    if unknown:
        raise TemplateError(f"{owner}: {', '.join(sorted(unknown))} is not understood")


def _pseudo_parameters() -> dict[str, Tree]:
    return {
        "AWS::AccountId": ACCOUNT,
        "AWS::Partition": "aws",
        "AWS::Region": REGION,
        "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK_NAME}/local",
        "AWS::StackName": STACK_NAME,
        "AWS::URLSuffix": "amazonaws.com",
    }


def _parameters(raw: Mapping[str, Tree], overrides: Mapping[str, str]) -> dict[str, Tree]:
    declared = raw.get("Parameters", {})
    _refuse_unknown("parameter overrides", overrides, set(declared))
    return {name: _parameter(name, body, overrides) for name, body in declared.items()}


def _parameter(name: str, body: Mapping[str, Tree], overrides: Mapping[str, str]) -> Tree:
    if name not in overrides and "Default" not in body:
        raise TemplateError(f"{name}: the parameter has no default and was given no value")
    text = str(overrides.get(name, body.get("Default")))
    if body.get("Type") == "CommaDelimitedList" or str(body.get("Type")).startswith("List<"):
        return [part.strip() for part in text.split(",")] if text else []
    return text


def _resource(name: str, body: Mapping[str, Tree], scope: Scope, shared: Mapping[str, Tree]) -> Resource | None:
    _refuse_unknown(name, body, _RESOURCE_KEYS)
    kind = str(body.get("Type"))
    if kind not in _MADE_HERE | _WITHOUT_MEANING_HERE:
        raise TemplateError(f"{name}: resources of type {kind} are not understood")
    if "Condition" in body and not holds(scope, body["Condition"], name):
        return None
    defaults = shared.get(kind.removeprefix("AWS::Serverless::"), {}) if kind.startswith("AWS::Serverless::") else {}
    return Resource(name, kind, _merged(defaults, body.get("Properties", {})))


def _merged(default: Tree, own: Tree) -> Tree:
    """Merge as SAM does with Globals: mappings by key, lists one after the other, the resource's own value last."""
    if isinstance(default, dict) and isinstance(own, dict) and not _is_function(default) and not _is_function(own):
        return {**default, **{key: _merged(default[key], own[key]) if key in default else own[key] for key in own}}
    if isinstance(default, list) and isinstance(own, list):
        return [*default, *own]
    return own


def _is_function(tree: Mapping[str, Tree]) -> bool:
    return len(tree) == 1 and str(next(iter(tree))).startswith(("Fn::", "Ref"))

"""CloudFormation's YAML and the intrinsic functions that the template uses, resolved against values of this machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml  # type: ignore[import-untyped]

from local.errors import LocalError

Tree: TypeAlias = Any


class TemplateError(LocalError):
    """The template holds something that this machine cannot honour. The text begins with the logical id."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML with CloudFormation's short tags; a key that is written twice is an error."""


def _short_tag(loader: _Loader, suffix: str, node: yaml.Node) -> Tree:
    match node:
        case yaml.ScalarNode():
            value: Tree = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, Tree]:
    names = [loader.construct_object(key) for key, _ in node.value]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise TemplateError(f"the template repeats the key {sorted(map(str, repeated))} {node.start_mark}")
    return dict(loader.construct_mapping(node, deep=True))


_Loader.add_multi_constructor("!", _short_tag)
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load_yaml(path: Path) -> dict[str, Tree]:
    """Read a template; short tags become the long form (`!Ref X` is `{"Ref": "X"}`)."""
    loaded = yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader by inheritance
    if not isinstance(loaded, dict):
        raise TemplateError(f"{path.name} is no template")
    return loaded


class _NoValue:
    """`AWS::NoValue`: the property or list entry is left out."""


NO_VALUE = _NoValue()


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean here (`Q` for `!Ref Q`, `Q.Arn` for `!GetAtt Q.Arn`); the conditions, unresolved."""

    values: Mapping[str, Tree]
    conditions: Mapping[str, Tree]

    def with_values(self, values: Mapping[str, Tree]) -> Scope:
        return Scope({**self.values, **values}, self.conditions)


def holds(scope: Scope, condition: str, owner: str) -> bool:
    """Decide a condition of the template by name."""
    if condition not in scope.conditions:
        raise TemplateError(f"{owner}: there is no condition {condition}")
    return _truth(resolve(scope.conditions[condition], scope, owner), owner)


def resolve(tree: Tree, scope: Scope, owner: str) -> Tree:
    """Replace every intrinsic function in the tree by its value.

    Raises:
        TemplateError: If a function is unknown or a name has no value on this machine.
    """
    if isinstance(tree, list):
        items = [resolve(item, scope, owner) for item in tree]
        return [item for item in items if item is not NO_VALUE]
    if not isinstance(tree, dict):
        return tree
    if len(tree) == 1:
        name, argument = next(iter(tree.items()))
        if name in _FUNCTIONS:
            return _FUNCTIONS[name](argument, scope, owner)
        if str(name).startswith("Fn::"):
            raise TemplateError(f"{owner}: {name} is not understood on this machine")
    resolved = {key: resolve(value, scope, owner) for key, value in tree.items()}
    return {key: value for key, value in resolved.items() if value is not NO_VALUE}


def _value(name: str, scope: Scope, owner: str) -> Tree:
    if name == "AWS::NoValue":
        return NO_VALUE
    if name not in scope.values:
        raise TemplateError(f"{owner}: {name} has no value on this machine")
    return scope.values[name]


def _ref(argument: Tree, scope: Scope, owner: str) -> Tree:
    return _value(str(argument), scope, owner)


def _get_att(argument: Tree, scope: Scope, owner: str) -> Tree:
    return _value(argument if isinstance(argument, str) else ".".join(argument), scope, owner)


def _sub(argument: Tree, scope: Scope, owner: str) -> str:
    text, extra = (argument, {}) if isinstance(argument, str) else argument
    inner = scope.with_values(resolve(extra, scope, owner))

    def one(match: re.Match[str]) -> str:
        name = match.group(1).strip()
        return "${" + name[1:] + "}" if name.startswith("!") else str(_value(name, inner, owner))

    return re.sub(r"\$\{([^}]+)\}", one, text)


def _if(argument: Tree, scope: Scope, owner: str) -> Tree:
    condition, yes, no = argument
    return resolve(yes if holds(scope, condition, owner) else no, scope, owner)


def _join(argument: Tree, scope: Scope, owner: str) -> str:
    separator, items = argument
    return str(separator).join(str(item) for item in resolve(items, scope, owner))


def _split(argument: Tree, scope: Scope, owner: str) -> list[str]:
    separator, text = resolve(argument, scope, owner)
    return str(text).split(separator)


def _select(argument: Tree, scope: Scope, owner: str) -> Tree:
    index, items = resolve(argument, scope, owner)
    return items[int(index)]


def _truth(value: Tree, owner: str) -> bool:
    if not isinstance(value, bool):
        raise TemplateError(f"{owner}: a condition is neither true nor false")
    return value


def _equals(argument: Tree, scope: Scope, owner: str) -> bool:
    left, right = resolve(argument, scope, owner)
    return str(left) == str(right)


def _truths(argument: Tree, scope: Scope, owner: str) -> list[bool]:
    return [_truth(resolve(item, scope, owner), owner) for item in argument]


_FUNCTIONS: Mapping[str, Callable[[Tree, Scope, str], Tree]] = {
    "Ref": _ref,
    "Condition": lambda name, scope, owner: holds(scope, str(name), owner) if isinstance(name, str) else name,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::If": _if,
    "Fn::Join": _join,
    "Fn::Split": _split,
    "Fn::Select": _select,
    "Fn::Equals": _equals,
    "Fn::And": lambda items, scope, owner: all(_truths(items, scope, owner)),
    "Fn::Or": lambda items, scope, owner: any(_truths(items, scope, owner)),
    "Fn::Not": lambda items, scope, owner: not any(_truths(items, scope, owner)),
}

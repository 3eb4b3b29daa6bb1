"""What an IAM policy says of one call of the HTTP API: identity policies for `execute-api:Invoke`, matched as IAM does."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from local.accounts import ACCOUNT, REGION
from local.errors import LocalError

Policy: TypeAlias = Mapping[str, Any]

ACTION = "execute-api:Invoke"
API_ID = "local"
_STATEMENT = {"Sid", "Effect", "Action", "Resource"}


def invoke_arn(method: str, path: str) -> str:
    """Name one call, as `Resource` of a policy names it: the path that was asked for, not the route's pattern."""
    return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API_ID}/$default/{method}{path}"


def allows(policy: Policy | None, resource: str) -> bool:
    """Whether the policy lets its caller invoke this: an Allow that matches, and no Deny that does.

    None is a policy that allows everything. Elements that are not evaluated here, such as `Condition`, are refused, so that
    nothing is taken for tighter or looser than it is.

    Raises:
        LocalError: If the policy holds such an element.
    """
    if policy is None:
        return True
    effects = {_effect(one) for one in _many(policy["Statement"]) if _speaks_of(one, resource)}
    return effects == {"Allow"}


def _effect(statement: Mapping[str, Any]) -> str:
    if statement["Effect"] not in ("Allow", "Deny"):
        raise LocalError("The effect of a statement is Allow or Deny.")
    return str(statement["Effect"])


def _speaks_of(statement: Mapping[str, Any], resource: str) -> bool:
    if unknown := set(statement) - _STATEMENT:
        raise LocalError(f"A policy's {', '.join(sorted(unknown))} is not understood here.")
    acts = any(_form(str(action).lower()).fullmatch(ACTION.lower()) for action in _many(statement["Action"]))
    return acts and any(_form(str(pattern)).fullmatch(resource) for pattern in _many(statement["Resource"]))


@functools.cache
def _form(pattern: str) -> re.Pattern[str]:
    """`*` is any characters, slashes too; `?` is one character; everything else is itself."""
    parts = (".*" if letter == "*" else "." if letter == "?" else re.escape(letter) for letter in pattern)
    return re.compile("".join(parts), re.DOTALL)


def _many(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]

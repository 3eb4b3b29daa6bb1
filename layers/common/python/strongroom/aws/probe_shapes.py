"""What goes over the wire about an MCP server that was looked at, member by member."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from strongroom.domain.deviations import deviations
from strongroom.domain.trail import Step, sentence_of
from strongroom.flows.probe import Examined, Probed


def probed(probe: Probed) -> dict[str, Any]:
    """What an admin sees of an MCP server: our own words, and URLs and hosts that lead there."""
    return {**examined(probe.examined), "draft": probe.draft, "callback_url": probe.callback_url}


def examined(one: Examined) -> dict[str, Any]:
    return {
        "url": one.url,
        "requires_oauth": one.requires_oauth,
        "connects": one.connects,
        "code": one.code,
        "message": sentence_of(one.code) if one.code else None,
        "steps": [_step(step) for step in one.steps],
        "issuer": one.issuer,
        "provider": _provider_behind(one),
        "registration": one.registration,
        "scopes": list(one.found.scopes) if one.found else [],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "step": step.document,
        "question": step.question,
        "url": step.url,
        "rule": step.rule,
        "outcome": step.outcome,
        "code": step.code,
    }


def _provider_behind(one: Examined) -> dict[str, Any] | None:
    if one.found is None:
        return None
    provider, entry = one.found.provider, one.entry
    return {
        "issuer": provider.issuer,
        "authorization_host": urlsplit(provider.authorization_endpoint).netloc,
        "token_host": urlsplit(provider.token_endpoint).netloc,
        "catalog": entry.name or None,
        "deviations": list(deviations(entry)),
        "documentation": entry.documentation or None,
    }

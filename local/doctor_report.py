"""What the doctor says, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from strongroom.domain.deviations import DEVIATIONS, deviations
from strongroom.domain.trail import FINDINGS, SENTENCES, Step, sentence_of
from strongroom.flows.discover import Discovered
from strongroom.flows.probe import Examined, Registration

WAYS: Final[Mapping[Registration, str]] = {
    "metadata_document": "by a client ID metadata document, which Strongroom serves; nothing has to be entered",
    "dynamic": "dynamically (RFC 7591), once for each team; nothing has to be entered",
    "by_hand": "by hand, by an admin",
}

CLIENT: Final = (
    "provider.draft           the draft of POST /v1/teams/{team}/probe; register its callback_url as redirect URI",
    "provider.client          client_id, and client_secret if there is one; auth_method if it is not the usual one",
)
ENDPOINTS: Final = (
    *CLIENT,
    "provider.endpoints       authorization and token, and revocation if there is one, as the provider documents them",
    "provider.issuer          the provider's issuer, if it is documented",
    "provider.iss             true, if the provider names itself in its answers (RFC 9207)",
)
PKCE: Final = (
    "provider.pkce_unlisted   true, if the provider's documentation says that S256 works",
    *CLIENT,
    "provider.issuer          the issuer above",
)


def report(found: Examined) -> Iterator[str]:
    """Say what was looked at, what came of it, and what to do next."""
    yield found.url
    for step in found.steps:
        yield ""
        yield from _step(step)
    if found.found is not None:
        yield ""
        yield from _provider(found, found.found)
    yield ""
    yield from _verdict(found)


def _step(step: Step) -> Iterator[str]:
    yield f"{step.outcome:<8}{step.document.replace('_', ' ')}"
    yield f"        {step.url}"
    yield f"        {step.rule}  {SENTENCES[step.rule]}"
    if step.code is not None:
        yield f"        {step.code}: {sentence_of(step.code)}"


def _provider(found: Examined, discovered: Discovered) -> Iterator[str]:
    provider, entry = discovered.provider, found.entry
    yield f"Provider      {provider.issuer}"
    yield f"Consent       {provider.authorization_endpoint}"
    yield f"Tokens        {provider.token_endpoint}"
    yield f"Scopes        {' '.join(discovered.scopes) or 'none'}"
    yield f"Registration  {WAYS[found.registration] if found.registration else 'not possible'}"
    yield f"Catalog       {f'{entry.name}, {entry.documentation}' if entry.is_listed else 'not listed: no rule is bent'}"
    if any(step.document == "legacy_metadata" and step.outcome == "missing" for step in found.steps):
        yield "              there is no metadata: these are the places that MCP 2025-03-26 names, and nobody has tried them"
    for word in deviations(entry):
        yield f"              {word}: {DEVIATIONS[word][0]}"


def _verdict(found: Examined) -> Iterator[str]:
    if found.code is None:
        yield "It would connect. Install it by its URL; nothing else has to be entered."
        return
    yield f"It would not connect: {sentence_of(found.code)}"
    entered = to_enter(found)
    if entered:
        yield "An admin can enter by hand, with the installation:"
        yield from (f"  {line}" for line in entered)
    elif found.code == "oauth_not_required":
        yield "Nothing to do: whoever uses it needs no token."
    elif found.code in {"mcp_server_unusable", "mcp_url_refused"}:
        yield "Check the URL, and try again."
    else:
        yield f"Tell the people who run it, and name the rule ({FINDINGS[found.code].rule})."


def to_enter(found: Examined) -> tuple[str, ...]:
    """What an admin could enter so that it connects all the same; nothing, if that would not help."""
    code = found.code or ""
    if code == "registration_unsupported":
        issuer = found.found.provider.issuer if found.found else ""
        return (*CLIENT, f"provider.issuer          {issuer}")
    if code == "pkce_unsupported":
        return PKCE
    about_metadata = code.startswith(("resource_", "server_metadata_", "authorization_server_", "issuer_"))
    return ENDPOINTS if about_metadata or code.endswith(("_endpoint_refused", "_off_issuer")) else ()

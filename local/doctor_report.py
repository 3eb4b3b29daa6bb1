"""What the doctor says, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from local.doctor_sight import Sight
from strongroom.domain.deviations import DEVIATIONS, deviations
from strongroom.domain.found import Registration
from strongroom.domain.trail import FINDINGS, GUESSED, SENTENCES, UNANSWERED, Step, sentence_of
from strongroom.flows.discover import Discovered
from strongroom.flows.probe import Examined

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
)


def report(found: Examined, sight: Sight) -> Iterator[str]:
    """Say what was looked at, what came of it, and what to do next."""
    yield found.url
    for step in found.steps:
        yield ""
        yield from _step(step)
        yield from _besides(step, found.url, sight)
    if found.found is not None:
        yield ""
        yield from _provider(found, found.found)
    elif found.issuer is not None:
        yield ""
        yield f"Issuer        {found.issuer}"
    yield ""
    yield from _verdict(found)


def _step(step: Step) -> Iterator[str]:
    asked = f" ({step.question})" if step.question else ""
    yield f"{step.outcome:<8}{step.document.replace('_', ' ')}{asked}"
    yield f"        {step.url}"
    yield f"        {step.rule}  {SENTENCES[step.rule]}"
    if step.code is not None:
        yield f"        {step.code}: {sentence_of(step.code)}"


def _besides(step: Step, asked: str, sight: Sight) -> Iterator[str]:
    """What the probe route does not tell."""
    if step.outcome == "failed" and step.code in UNANSWERED - {"discovery_too_long"}:
        yield f"        seen from here: {sight.seen(step.url)}"
    if step.code == "resource_mismatch":
        yield f"        the server calls itself {sight.called(step.url)}, and was asked for as {asked}"


def _provider(found: Examined, discovered: Discovered) -> Iterator[str]:
    provider, entry = discovered.provider, found.entry
    yield f"Provider      {provider.issuer}"
    yield f"Consent       {provider.authorization_endpoint}"
    yield f"Tokens        {provider.token_endpoint}"
    yield f"Scopes        {' '.join(discovered.scopes) or 'none'}"
    yield f"Registration  {WAYS[found.registration] if found.registration else 'not possible'}"
    yield f"Catalog       {f'{entry.name}, {entry.documentation}' if entry.is_listed else 'not listed: no rule is bent'}"
    if found.code == GUESSED:
        yield "              guessed: these are the places that MCP 2025-03-26 names"
    for word in deviations(entry):
        yield f"              {word}: {DEVIATIONS[word][0]}"


def _verdict(found: Examined) -> Iterator[str]:
    if found.code is None:
        yield "It would connect. Install it by its URL; nothing else has to be entered."
        return
    said = "It would not connect" if found.connects is False else "Nobody can say whether it would connect"
    yield f"{said}: {sentence_of(found.code)}"
    if found.code == GUESSED:
        yield "Install it and let somebody connect, which would tell. If you know better where its provider is:"
    entered = to_enter(found)
    if entered:
        yield "An admin can enter by hand, with the installation:"
        yield from (f"  {line}" for line in entered)
    elif found.code == "oauth_not_required":
        yield "Nothing to do: whoever uses it needs no token."
    elif found.code in {"mcp_server_unusable", "mcp_url_refused"}:
        yield "Check the URL, and try again. No proxy is used, here or in a deployment."
    else:
        yield f"Tell the people who run it, and name the rule ({FINDINGS[found.code].rule})."


def to_enter(found: Examined) -> tuple[str, ...]:
    """What an admin could enter so that it connects all the same; nothing, if that would not help."""
    code = found.code or ""
    if code == "registration_unsupported":
        return (*CLIENT, _issuer(found))
    if code == "pkce_unsupported":
        return (*PKCE, _issuer(found))
    if code == GUESSED:
        return ENDPOINTS
    about_metadata = code.startswith(("resource_", "server_metadata_", "authorization_server_", "issuer_"))
    return ENDPOINTS if about_metadata or code.endswith(("_endpoint_refused", "_off_issuer")) else ()


def _issuer(found: Examined) -> str:
    return f"provider.issuer          {found.issuer or 'the `issuer` in that metadata, letter by letter'}"

"""The trail of a discovery: what was looked at, where, which rule it was held against, and what came of it.

It is made of our own words and of URLs alone: no body, no status, no address, no time. So whoever may read it learns no more
of a network than from the outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from strongroom.domain.errors import DiscoveryFailed

Document: TypeAlias = Literal["challenge", "resource_metadata", "server_metadata", "legacy_metadata"]
Outcome: TypeAlias = Literal["ok", "missing", "failed"]
Question: TypeAlias = Literal["initialize", "tools/list"]


@dataclass(frozen=True, slots=True)
class Step:
    """One document that was asked for. `rule` is an id of tests/requirements.toml; `code` says what is not there or does not
    hold. `question`: the method that an MCP server was asked; `issuer`: whose metadata it is, as the resource names them."""

    document: Document
    url: str
    rule: str
    outcome: Outcome
    code: str | None = None
    question: Question | None = None
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a code means to a person: the rule that does not hold, and one sentence that names the document."""

    rule: str
    sentence: str


RULES: Final[Mapping[Document, str]] = {
    "challenge": "mcp:D1",
    "resource_metadata": "mcp:D2",
    "server_metadata": "mcp:D5",
    "legacy_metadata": "mcp:D7",
}

SENTENCES: Final[Mapping[str, str]] = {
    "mcp:D1": "A server that wants a token answers 401 with a challenge.",
    "mcp:D2": "Resource metadata is where the challenge says, or at the well-known places (RFC 9728).",
    "mcp:D3": "The resource is the MCP server itself, or lies above it on the same origin.",
    "mcp:D5": "The issuer's metadata is at one of its well-known places (RFC 8414, OpenID discovery).",
    "mcp:D6": "The issuer in a document is the one asked for, letter by letter.",
    "mcp:D7": "A server without resource metadata is its own authorization server (MCP 2025-03-26).",
    "mcp:A1": "PKCE with S256 is listed in the metadata.",
    "mcp:A7": "Endpoints are plain https URLs that set no parameter of ours.",
    "mcp:R1": "We are a client by metadata document, by dynamic registration, or by an admin's entry.",
    "mcp:R4": "Registration takes our redirect URI as it is.",
    "mcp:T1": "The client authenticates by a method that both sides have.",
    "attack:A29": "Endpoints lie on the issuer's origin, or the provider names itself in its answers (RFC 9207).",
    "attack:B19": "One discovery sends ten requests at most, within fifteen seconds.",
}
"""One sentence for each rule that a step can name."""

FINDINGS: Final[Mapping[str, Finding]] = {
    "mcp_server_unusable": Finding(
        "mcp:D1", "The MCP server gave no useful answer, whatever the reason: check its URL."
    ),
    "mcp_url_refused": Finding("mcp:D1", "The MCP server's URL is not of a form that is called: check it."),
    "oauth_not_required": Finding(
        "mcp:D1",
        "The MCP server answers without a token, so there is nothing to connect. One that asks for a token only when a tool"
        " is called cannot be told from it without calling one.",
    ),
    "discovery_too_long": Finding(
        "attack:B19", "The MCP server and its authorization servers took more than ten requests or fifteen seconds."
    ),
    "resource_metadata_missing": Finding("mcp:D2", "The MCP server has no protected resource metadata (RFC 9728)."),
    "resource_metadata_unavailable": Finding(
        "mcp:D2", "The MCP server's protected resource metadata (RFC 9728) cannot be had just now."
    ),
    "resource_metadata_unreadable": Finding(
        "mcp:D2",
        "The MCP server's protected resource metadata (RFC 9728) is not usable JSON, or not sent as `application/json`.",
    ),
    "resource_mismatch": Finding(
        "mcp:D3",
        "The `resource` in the MCP server's protected resource metadata is neither its URL nor a parent of it (RFC 9728"
        " section 3.3).",
    ),
    "authorization_server_missing": Finding(
        "mcp:D2",
        "The MCP server's protected resource metadata names no authorization server that may be called (RFC 9728"
        " section 2).",
    ),
    "server_metadata_missing": Finding(
        "mcp:D5", "The authorization server has no metadata at any of its well-known places (RFC 8414)."
    ),
    "server_metadata_unavailable": Finding(
        "mcp:D5", "The authorization server's metadata (RFC 8414) cannot be had just now."
    ),
    "server_metadata_unreadable": Finding(
        "mcp:D5",
        "The authorization server's metadata (RFC 8414) is not usable JSON, or not sent as `application/json`.",
    ),
    "issuer_refused": Finding("mcp:D6", "The issuer of the authorization server is no URL that may be called."),
    "issuer_mismatch": Finding(
        "mcp:D6",
        "The `issuer` in the authorization server's metadata is not letter by letter the one asked for (RFC 8414"
        " section 3.3).",
    ),
    "pkce_unsupported": Finding(
        "mcp:A1",
        "The authorization server's metadata does not list PKCE with S256 in `code_challenge_methods_supported`.",
    ),
    "authorization_endpoint_refused": Finding(
        "mcp:A7",
        "The `authorization_endpoint`, in the authorization server's metadata or as an admin entered it, is no plain https"
        " URL, or sets a parameter of ours itself.",
    ),
    "token_endpoint_refused": Finding(
        "mcp:A7",
        "The `token_endpoint`, in the authorization server's metadata or as an admin entered it, is no URL that may be"
        " called.",
    ),
    "registration_endpoint_refused": Finding(
        "mcp:A7", "The `registration_endpoint` in the authorization server's metadata is no URL that may be called."
    ),
    "revocation_endpoint_refused": Finding(
        "mcp:A7",
        "The `revocation_endpoint`, in the authorization server's metadata or as an admin entered it, is no URL that may be"
        " called.",
    ),
    "endpoint_off_issuer": Finding(
        "attack:A29",
        "An endpoint lies off the issuer's origin (entered by hand: off that of the others), nobody vouches for it, and the"
        " authorization server's metadata does not announce `iss` (RFC 9207).",
    ),
    "client_authentication_unsupported": Finding(
        "mcp:T1", "The authorization server's metadata lists no method of client authentication that we have."
    ),
    "registration_unsupported": Finding(
        "mcp:R1",
        "The authorization server registers nobody by itself, neither by metadata document nor dynamically (RFC 7591): an"
        " admin has to enter a client.",
    ),
    "registration_refused": Finding("mcp:R1", "The authorization server refused to register us (RFC 7591)."),
    "registration_unusable": Finding("mcp:R1", "The authorization server's answer to our registration cannot be used."),
    "redirect_uri_rejected": Finding(
        "mcp:R4", "The authorization server does not take our redirect URI, or registered another one."
    ),
    "client_of_another_issuer": Finding(
        "mcp:R1", "The client that an admin has entered belongs to another issuer than the one that was found."
    ),
}
"""Every code of `DiscoveryFailed`: what the API's message, the probe and the doctor say, and docs/errors.md."""

GUESSED: Final = "endpoints_guessed"
UNCHALLENGED: Final = "challenge_missing"
GREETS_ANYBODY: Final = "hello_without_token"

NOTES: Final[Mapping[str, Finding]] = {
    GREETS_ANYBODY: Finding(
        "mcp:D1", "The MCP server wants no token for `initialize`: it is asked for its tools next."
    ),
    UNCHALLENGED: Finding(
        "mcp:D1",
        "The MCP server wants a token, and its 401 carries no Bearer challenge (RFC 6750 section 3): its metadata is looked"
        " for at the well-known places.",
    ),
    GUESSED: Finding(
        "mcp:D7",
        "The MCP server wants a token, and publishes nothing about OAuth: the endpoints are guessed (MCP 2025-03-26), and"
        " nobody has tried them. What it wants may as well be a key of its own.",
    ),
}
"""What is missing and ends no discovery: codes of the probe and the doctor alone."""

UNANSWERED: Final = frozenset(
    {"mcp_server_unusable", "resource_metadata_unavailable", "server_metadata_unavailable", "discovery_too_long"}
)
"""The codes of discoveries that failed for lack of an answer."""


def sentence_of(code: str) -> str:
    """Say what a code of a discovery means."""
    found = FINDINGS.get(code) or NOTES.get(code)
    return found.sentence if found else DiscoveryFailed.sentence


def held(
    document: Document, url: str, lack: str | None = None, question: Question | None = None, issuer: str | None = None
) -> Step:
    """A document that is good, or, with a code of `NOTES`, one without which it goes on."""
    return Step(document, url, RULES[document], "missing" if lack else "ok", lack, question, issuer)


def not_held(
    document: Document,
    url: str,
    failure: DiscoveryFailed,
    question: Question | None = None,
    issuer: str | None = None,
) -> Step:
    """A document that is not there breaks no rule: the next place may have it."""
    code = failure.public_code
    absent = code.endswith("_metadata_missing") or code == "oauth_not_required"
    rule = FINDINGS[code].rule if code in FINDINGS and not absent else RULES[document]
    return Step(document, url, rule, "missing" if absent else "failed", code, question, issuer)


def wants_token(steps: Sequence[Step]) -> bool | None:
    """Whether the MCP server asked for a token, whatever came after that; None, if it never gave a usable answer."""
    answers = [step for step in steps if step.document == "challenge"]
    match answers[-1:]:
        case [Step(outcome="ok") | Step(code="challenge_missing")]:
            return True
        case [Step(code="oauth_not_required")]:
            return False
        case _:
            return None


def is_guessed(steps: Sequence[Step]) -> bool:
    """Whether nothing was found but the places that old servers used."""
    return any(step.code == GUESSED for step in steps)


def issuer_of(steps: Sequence[Step], code: str) -> str | None:
    """Whose metadata a discovery failed at with this code, if it came that far."""
    return next((step.issuer for step in steps if step.issuer and step.code == code), None)

"""Reading `WWW-Authenticate`: the SDK searches in the text, we read it by the grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass

from httpx2 import Response
from hypothesis import strategies as st
from mcp.client.auth import utils

from strongroom.domain.challenge import LONGEST, BearerChallenge, bearer_challenge
from tests.unit.sdk.comparison import Comparison, Difference

METADATA = '"https://files.example/.well-known/oauth-protected-resource"'


@dataclass(frozen=True)
class Said:
    """A challenge by the grammar: each parameter with its name and its value as they stand there, quotes included."""

    scheme: str
    parameters: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return " ".join(filter(None, (self.scheme, ", ".join(f"{name}={value}" for name, value in self.parameters))))

    @property
    def names(self) -> list[str]:
        return [name.strip().lower() for name, _ in self.parameters]

    @property
    def is_bearer(self) -> bool:
        return self.scheme.lower() == "bearer"


Header = tuple[Said, ...]


def bearer(*parameters: tuple[str, str]) -> Said:
    return Said("Bearer", parameters)


def sdk_scope(*values: str) -> tuple[str, ...]:
    response = Response(401, headers=[("WWW-Authenticate", value) for value in values])
    return tuple(dict.fromkeys((utils.extract_scope_from_www_auth(response) or "").split()))


def sdk_metadata(*values: str) -> str | None:
    response = Response(401, headers=[("WWW-Authenticate", value) for value in values])
    return utils.extract_resource_metadata_from_www_auth(response)


def read(*values: str) -> BearerChallenge:
    return bearer_challenge(values) or BearerChallenge()


def in_one_value(header: Header) -> str:
    return ", ".join(map(str, header))


# What a header can be like, for one field that both look for


def of_another_scheme(field: str, header: Header) -> bool:
    return any(not said.is_bearer and field in dict(said.parameters) for said in header)


def within_other_text(field: str, header: Header) -> bool:
    pairs = [pair for said in header for pair in said.parameters if pair[0] != field]
    return any(f"{field}=" in f"{name}={value}" for name, value in pairs)


def written_otherwise(field: str, header: Header) -> bool:
    pairs = [pair for said in header if said.is_bearer for pair in said.parameters]
    return any(name.strip().lower() == field and (name != field or value != value.strip()) for name, value in pairs)


def escaped(field: str, header: Header) -> bool:
    return any(name == field and "\\" in value for said in header for name, value in said.parameters)


def twice(field: str, header: Header) -> bool:
    return any(len({*said.names}) < len(said.names) for said in header if said.is_bearer)


def empty(field: str, header: Header) -> bool:
    return any((field, '""') in said.parameters for said in header)


def in_several(field: str, header: Header) -> bool:
    """There are several Bearer challenges, and the first scope in the text is not the first one's, or need not count."""
    bearers = [said.names for said in header if said.is_bearer]
    return len(bearers) > 1 and (field not in bearers[0] or any("resource_metadata" in names for names in bearers))


def no_scopes(header: Header) -> bool:
    scopes = [value[1:-1] for said in header for name, value in said.parameters if name == "scope" and '"' in value]
    scopes = [re.sub(r"\\(.)", r"\1", scope) for scope in scopes]
    return any(not re.fullmatch(r"[!#-\[\]-~ ]*", scope) or len(scope.split()) > 100 for scope in scopes)


def common(field: str) -> tuple[Difference[Header], ...]:
    def difference(name: str, sentence: str, source: str, holds: object) -> Difference[Header]:
        assert callable(holds)
        return Difference(f"{field}:{name}", sentence, source, lambda header: bool(holds(field, header)))

    return (
        difference(
            "another-scheme",
            "A parameter of Basic or of any other scheme says nothing about Bearer.",
            "RFC 9110 §11.6.1",
            of_another_scheme,
        ),
        difference(
            "within-text",
            "The name inside another parameter's text or name is no parameter: a server could be made to repeat it.",
            "RFC 9110 §5.6.4",
            within_other_text,
        ),
        difference(
            "spelling",
            "Names of parameters have no case, and spaces may stand around the equals sign.",
            "RFC 9110 §11.2",
            written_otherwise,
        ),
        difference("escapes", "A backslash in a quoted text escapes one character.", "RFC 9110 §5.6.4", escaped),
        difference("twice", "A challenge that names a parameter twice counts for nothing.", "RFC 9110 §11.2", twice),
        difference("empty", "An empty quoted text is empty, not two quotes.", "RFC 9110 §5.6.4", empty),
    )


WELL_FORMED: tuple[Header, ...] = (
    (),
    (Said("Bearer"),),
    (bearer(("scope", '"read write"')),),
    (bearer(("scope", "read")),),
    (bearer(("resource_metadata", METADATA), ("scope", '"a b"'), ("error", '"invalid_token"')),),
    (bearer(("error", '"x"'), ("scope", '"a"'), ("resource_metadata", METADATA)),),
    (bearer(("realm", '"a, b=c"'), ("scope", '"a,b"'), ("resource_metadata", METADATA)),),
    (Said("bEaReR", (("scope", '"a"'), ("resource_metadata", METADATA))),),
    (Said("Basic", (("realm", '"x"'),)), bearer(("scope", '"a"'), ("resource_metadata", METADATA))),
    (bearer(("scope", '"a"'), ("resource_metadata", METADATA)), Said("Basic", (("realm", '"x"'),))),
    (Said("Negotiate a87421000492aa874209af8bc028=="), bearer(("scope", "a"), ("resource_metadata", METADATA))),
    (bearer(("scope", '"a"')), bearer(("scope", '"b"'))),
    (Said("Basic", (("scope", '"b"'), ("resource_metadata", METADATA))), bearer(("realm", '"x"'))),
    (bearer(("error_description", '"try scope=admin"'), ("scope", '"read"')),),
    (bearer(("error_description", '"try resource_metadata=https://evil.example/"'), ("resource_metadata", METADATA)),),
    (bearer(("x_scope", '"admin"')),),
    (bearer(("x_resource_metadata", METADATA)),),
    (bearer(("Scope", '"read"')),),
    (bearer(("scope ", ' "read"')),),
    (bearer(("RESOURCE_METADATA", METADATA)),),
    (bearer(("resource_metadata", f" {METADATA}")),),
    (bearer(("scope", '"re\\ad"')),),
    (bearer(("resource_metadata", '"https://files.example/\\m"')),),
    (bearer(("scope", '"read"'), ("scope", '"admin"')),),
    (bearer(("resource_metadata", METADATA), ("resource_metadata", '"https://evil.example/"')),),
    (bearer(("scope", '""')),),
    (bearer(("resource_metadata", '""')),),
    (bearer(("scope", '"a"')), bearer(("resource_metadata", METADATA))),
    (bearer(("scope", '"a\tb"')),),
    (bearer(("scope", f'"{" ".join(map(str, range(101)))}"')),),
)

_SCHEMES = st.sampled_from(["Bearer", "Bearer", "bearer", "Basic", "DPoP"])
_NAMES = st.sampled_from(["scope", "resource_metadata", "error", "realm", "Scope", "x_scope", "resource_metadata "])
_WORDS = st.sampled_from(["a", "b", "scope=c", ",", "resource_metadata=https://evil.example/", '\\"', "\\d", "Bearer"])
_QUOTED = st.lists(_WORDS, max_size=4).map(lambda words: f'"{" ".join(words)}"')
_VALUES = st.sampled_from(["read", METADATA, '""', ' "a"']) | _QUOTED
_SAID = st.builds(Said, _SCHEMES, st.lists(st.tuples(_NAMES, _VALUES), min_size=1, max_size=4).map(tuple))
_HEADERS = st.lists(_SAID, max_size=3).map(tuple)

SCOPE: Comparison[Header] = Comparison(
    "the scopes of a challenge",
    lambda header: read(in_one_value(header)).scope,
    lambda header: sdk_scope(in_one_value(header)),
    WELL_FORMED,
    _HEADERS,
    (
        *common("scope"),
        Difference(
            "scope:of-another-bearer",
            "Of several Bearer challenges one speaks, the first with resource metadata; they are not mixed.",
            "RFC 9728 §5.1; RFC 9110 §11.6.1",
            lambda header: in_several("scope", header),
        ),
        Difference(
            "scope:none-by-grammar",
            "A text that is no list of scopes, or names over a hundred, names none.",
            "RFC 6749 §3.3",
            no_scopes,
        ),
    ),
)

PLACE: Comparison[Header] = Comparison(
    "the place of the resource metadata in a challenge",
    lambda header: read(in_one_value(header)).resource_metadata or None,
    lambda header: sdk_metadata(in_one_value(header)),
    WELL_FORMED,
    _HEADERS,
    common("resource_metadata"),
)


# Several values, and what breaks the grammar

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TEXT = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t -~])*"'
_PARAMETER = rf"{_TOKEN}[ \t]*=[ \t]*(?:{_TOKEN}|{_TEXT})"
_CHALLENGE = rf"{_TOKEN}(?: +(?:{_PARAMETER}(?:[ \t]*,[ \t,]*{_PARAMETER})*|[A-Za-z0-9._~+/-]+=*))?"
_FIELD = re.compile(rf"[ \t,]*(?:{_CHALLENGE}(?:[ \t]*,[ \t,]*{_CHALLENGE})*)?[ \t,]*")

VALUES: tuple[tuple[str, ...], ...] = (
    ("Bearer scope=a",),
    (",, Bearer , scope=a",),
    ('Basic realm="x"', "Bearer scope=a"),
    ('Basic realm="x"', f"Bearer scope=a, resource_metadata={METADATA}"),
    (f"Bearer scope=a, resource_metadata={METADATA}", 'Basic realm="x"'),
    ('Bearer realm="never closed',),
    ("Bearer scope=",),
    ('Bearer scope="a',),
    ('Bearer scope="a"b',),
    ("Bearer realm=a scope=b",),
    ("Bearer foo scope=1",),
    ("Bearer resource_metadata=https://files.example/metadata",),
    (f'Bearer scope="a\x01b", resource_metadata={METADATA}',),
    (f'Bearer scope="{"a" * LONGEST}"',),
    (f'Bearer scope="a", resource_metadata={METADATA}, realm="{"r" * LONGEST}"',),
)
_BROKEN = st.sampled_from([' "', "=", " x=", '"b', " b=c", '", realm="'])
_ENDS = st.builds(
    lambda token, rest: (f'Bearer scope="{token}"{rest}',), st.text("abc", min_size=1), _BROKEN | st.just("")
)

VALUE: Comparison[tuple[str, ...]] = Comparison(
    "the values of a header as they come",
    lambda values: (read(*values).scope, read(*values).resource_metadata),
    lambda values: (sdk_scope(*values), sdk_metadata(*values)),
    VALUES,
    _ENDS,
    (
        Difference(
            "value:grammar",
            "A value that breaks the grammar counts for nothing: what it means is anybody's guess.",
            "RFC 9110 §11.6.1",
            lambda values: any(not _FIELD.fullmatch(value) for value in values),
        ),
        Difference(
            "value:length",
            "A value of more than 16 KiB is not read.",
            "RFC 9110 §5.4",
            lambda values: any(len(value) > LONGEST for value in values),
        ),
    ),
)

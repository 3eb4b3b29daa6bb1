"""What a satellite adds to requests to an MCP server, or to the environment of one that it starts itself.

An entry is a header or a variable with a value. A value may hold the literal `{access_token}`, which is replaced when it is
given out; nothing else ever is. Values are secrets: they lie sealed in one blob, bound to the names that lie in clear and
to the URL that they were entered for, so that whoever may change the URL does not come to them by that.

The rules hold when an entry is saved, and again whenever it is given out: a row may have been written under older ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from strongroom.domain.errors import Conflict, InvalidRequest
from strongroom.domain.injection_names import why_not_header, why_not_variable
from strongroom.domain.installation import usual_headers
from strongroom.domain.secret import Secret

Kind: TypeAlias = Literal["header", "env"]

ACCESS_TOKEN = "{access_token}"  # noqa: S105 -- what stands for one
MOST_ENTRIES = 20
LONGEST_VALUE = 4096
LONGEST_FILLED = 8192
MOST_CHARACTERS = 8 * 1024
"""Of all names and values of an installation: every look-up reads them."""

_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?")  # RFC 9110 §5.5, without obs-text
_VARIABLE_VALUE = re.compile(r"[\x20-\x7e]+")
_OTHER_TEMPLATE = re.compile(r"\{\{|[$#%]\{|\{\s*\w[^{}\"]*\}", re.ASCII)
_IN_ITS_PLACE = ("\x00", "{\x00}")
"""What a token looks like to the search for other templates: by itself, and with the braces around it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One header or variable. Header names are the same in any case (RFC 9110 §5.1), those of variables are not."""

    kind: Kind
    name: str
    value: Secret

    @property
    def id(self) -> tuple[Kind, str]:
        return self.kind, self.name.lower() if self.kind == "header" else self.name

    @property
    def carries_token(self) -> bool:
        return ACCESS_TOKEN in self.value.reveal()

    def filled(self, access_token: Secret | None) -> Secret:
        """Put the token in its place: once, so that nothing in a token is ever replaced."""
        token = access_token.reveal() if access_token is not None else ""
        return Secret(self.value.reveal().replace(ACCESS_TOKEN, token))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an admin wants to be different: values by names; None takes an entry away, what is not named stays."""

    headers: Mapping[str, Secret | None] = field(default_factory=dict)
    env: Mapping[str, Secret | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.headers or self.env)


@dataclass(frozen=True, slots=True)
class Given:
    """What a satellite is given to set, ready to be used."""

    headers: dict[str, Secret]
    env: dict[str, Secret]


def merged(present: Iterable[Entry], wanted: Wanted) -> tuple[Entry, ...]:
    """Apply a change to what is there. A value that is the same as before leaves its entry as it is.

    Raises:
        InvalidRequest: `header_refused`: one header in two spellings.
    """
    entries = {entry.id: entry for entry in present}
    seen: set[tuple[Kind, str]] = set()
    for kind, name, value in _each(wanted):
        new = Entry(kind, name, value or Secret(""))
        if new.id in seen:
            raise InvalidRequest("a header is named twice, in two spellings", code="header_refused")
        seen.add(new.id)
        if value is None:
            entries.pop(new.id, None)
        elif new.id not in entries or entries[new.id].value != value:
            entries[new.id] = new
    return tuple(entries.values())


def _each(wanted: Wanted) -> Iterable[tuple[Kind, str, Secret | None]]:
    yield from (("header", name, value) for name, value in wanted.headers.items())
    yield from (("env", name, value) for name, value in wanted.env.items())


def different(before: Iterable[Entry], after: Iterable[Entry]) -> tuple[Entry, ...]:
    """Give the entries that are new, gone or of another value."""
    old, new = ({entry.id: entry for entry in entries} for entries in (before, after))
    gone_or_changed = [entry for at, entry in old.items() if at not in new or new[at].value != entry.value]
    return (*gone_or_changed, *(entry for at, entry in new.items() if at not in old or old[at].value != entry.value))


def check(entries: tuple[Entry, ...], gives_token: bool | None) -> None:
    """Check all that an installation injects, as it is to be saved or was opened.

    `gives_token`: whether there is a token to give out; None: nobody knows yet, so that only the entries are checked. It
    goes into `Authorization` unless an entry carries it: another value there would leave it nowhere to go.

    Raises:
        InvalidRequest: `header_refused` or `environment_refused` for a name or a value, `template_refused` for what stands
            in a value or for where the token goes, else `invalid_request`.
    """
    if len(entries) > MOST_ENTRIES:
        raise InvalidRequest(f"inject has {MOST_ENTRIES} entries at most")
    for entry in entries:
        _check_entry(entry)
    if sum(len(entry.name) + len(entry.value.reveal()) for entry in entries) > MOST_CHARACTERS:
        raise InvalidRequest(f"inject has {MOST_CHARACTERS} characters at most in all: every look-up reads them")
    _check_way(entries, gives_token)


def _check_way(entries: tuple[Entry, ...], gives_token: bool | None) -> None:
    carried = any(entry.carries_token for entry in entries)
    if carried and gives_token is False:
        raise InvalidRequest("there is no access token: the server does not require OAuth", code="template_refused")
    if gives_token and not carried and any(entry.id == ("header", "authorization") for entry in entries):
        raise InvalidRequest(
            f"an entry stands in Authorization, where the access token goes unless an entry has {ACCESS_TOKEN}; if there is"
            " no token, say that the server does not require OAuth",
            code="template_refused",
        )


def _check_entry(entry: Entry) -> None:
    value = entry.value.reveal()
    if entry.kind == "header":
        if (why := why_not_header(entry.name) or _why_not_value(_HEADER_VALUE, value, LONGEST_VALUE)) is not None:
            raise InvalidRequest(f"inject.headers: {why}", code="header_refused")
    elif (why := why_not_variable(entry.name) or _why_not_value(_VARIABLE_VALUE, value, LONGEST_VALUE)) is not None:
        raise InvalidRequest(f"inject.env: {why}", code="environment_refused")
    if any(_OTHER_TEMPLATE.search(value.replace(ACCESS_TOKEN, token)) for token in _IN_ITS_PLACE):
        raise InvalidRequest(f"{entry.name}: only {ACCESS_TOKEN} is ever replaced", code="template_refused")


def _why_not_value(grammar: re.Pattern[str], value: str, longest: int) -> str | None:
    if len(value) > longest or not grammar.fullmatch(value):
        tab = " or tab inside" if grammar is _HEADER_VALUE else ""
        return f"a value has 1 to {longest} characters of printable ASCII, space{tab}"
    return None


def given(entries: tuple[Entry, ...], access_token: Secret | None) -> Given:
    """Make what a satellite sets: every entry filled, and the usual header if no entry carries the token.

    Raises:
        Conflict: `header_refused`, `environment_refused` or `template_refused`: what was saved may not be used, by the rules
            of today or with this token. An admin has to change it.
    """
    try:
        check(entries, access_token is not None)
        filled = [Entry(entry.kind, entry.name, entry.filled(access_token)) for entry in entries]
        for entry in filled:
            _check_filled(entry)
    except InvalidRequest as refused:
        raise not_to_be_used(refused.public_code) from None
    carried = any(entry.carries_token for entry in entries)
    headers = {} if carried or access_token is None else usual_headers(access_token)
    headers |= {entry.name: entry.value for entry in filled if entry.kind == "header"}
    return Given(headers, {entry.name: entry.value for entry in filled if entry.kind == "env"})


def _check_filled(entry: Entry) -> None:
    """Check a value with the token in it: it becomes a line of a request, or is handed to a program."""
    if entry.kind == "header" and _why_not_value(_HEADER_VALUE, entry.value.reveal(), LONGEST_FILLED):
        raise InvalidRequest("with this token it is no value of a header", code="header_refused")
    if entry.kind == "env" and _why_not_value(_VARIABLE_VALUE, entry.value.reveal(), LONGEST_FILLED):
        raise InvalidRequest("with this token it is no value of a variable", code="environment_refused")


def not_to_be_used(code: str) -> Conflict:
    """Say to a satellite that an admin has to change what the installation injects."""
    why = "what the installation injects may not be used"
    if code == "header_refused":
        return Conflict(why, code="header_refused")
    return Conflict(why, code="environment_refused" if code == "environment_refused" else "template_refused")

"""The provider catalog: its files, what the schema refuses, and whom an entry speaks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from strongroom.adapters.catalog_files import FOLDER, CatalogFiles
from strongroom.domain.authorization_request import AuthorizationRequest, authorization_url, code_challenge
from strongroom.domain.catalog import STRICT, Catalog, CatalogEntry
from strongroom.domain.catalog_schema import read_entry
from strongroom.domain.own_parameters import OWN_PARAMETERS
from strongroom.domain.provider import Provider, ProviderClient
from strongroom.domain.secret import Secret
from tests.providers import PAGE, document, entries, rendered, row, slug

FILES = sorted(FOLDER.glob("*.toml"))
LISTED = {
    *("airtable", "amazon_cognito", "asana", "atlassian", "box", "canva", "discord", "dropbox", "figma", "github"),
    *("gitlab", "google", "hubspot", "intercom", "linear", "microsoft_entra", "notion", "quickbooks", "salesforce"),
    *("slack", "snowflake", "spotify", "stripe", "todoist", "xero", "zendesk", "zoom"),
}
# Slack has two token endpoints on one host, which answer differently; the exact endpoint tells them apart.
SHARED_ORIGINS = {"https://slack.com"}

WHOLE: dict[str, Any] = {
    "name": "Files Provider",
    "documentation": "https://docs.files.example/oauth",
    "verified": date(2026, 11, 22),
    "second_hand": ["origins", "refreshing.idle"],
    "issuers": ["https://files.example"],
    "issuer_aliases": {"https://files.example/": "https://files.example"},
    "origins": ["https://files.example", "https://*.files.example"],
    "endpoints": {
        "authorization": "https://files.example/authorize",
        "token": "https://alice.files.example/token",
        "revocation": "https://files.example/revoke",
    },
    "asking": {
        "parameters": {"access_type": "offline"},
        "scope_parameter": "user_scope",
        "scope_separator": ",",
        "resource": False,
        "pkce_unlisted": True,
    },
    "authenticating": {
        "registration": "by_hand",
        "methods": ["client_secret_basic"],
        "body": "json",
        "headers": {"Files-Version": "2026-11-22"},
    },
    "reading": {
        "exchange": ["authed_user"],
        "refresh": ["token"],
        "success_flag": "ok",
        "expiry": "expires",
        "never_expires": True,
        "scope_separator": ",",
        "errors": ["error", "status"],
        "refused": ["bad_refresh_token", "Invalid Token!"],
        "client_rejected": ["bad_client"],
        "token_types": ["user"],
        "account": ["team", "name"],
    },
    "refreshing": {
        "offered": False,
        "rotates": True,
        "reuse_detected": True,
        "grace": 60,
        "lifetime": 5_184_000,
        "from_consent": True,
        "idle": 86_400,
        "endpoint": "https://alice.files.example/refresh",
    },
    "revoking": {"ends": "token", "body": "json", "page": "https://account.example/apps?tab=connected"},
}

OUR_HEADERS = ("Authorization", "authorization", "Host", "HOST", "Content-Type", "Content-Length", "Cookie", "Accept")


def planted(path: str, value: object) -> dict[str, Any]:
    """The whole entry with one thing put into it."""
    changed = deepcopy(WHOLE)
    section, _, name = path.rpartition(".")
    (changed[section] if section else changed)[name] = value
    return changed


def without(path: str) -> dict[str, Any]:
    changed = deepcopy(WHOLE)
    section, _, name = path.rpartition(".")
    del (changed[section] if section else changed)[name]
    return changed


# -- The files ---------------------------------------------------------------------------------------------------------


def test_the_catalog_has_the_providers_of_the_list() -> None:
    assert entries().keys() >= LISTED
    assert len(entries()) >= 25


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
def test_every_file_is_of_the_form_and_named_after_its_provider(path: Path) -> None:
    entry = read_entry(document(path))
    assert path.stem == slug(entry.name)
    assert entry.verified is not None
    assert entry.verified <= date(2100, 1, 1)
    assert entry.documentation.startswith("https://")


def test_no_two_entries_have_an_issuer_an_endpoint_or_an_origin_in_common() -> None:
    def twice(of: Callable[[CatalogEntry], tuple[str, ...]]) -> set[str]:
        counted = Counter(value for entry in entries().values() for value in of(entry))
        return {value for value, count in counted.items() if count > 1}

    assert twice(lambda entry: entry.issuers) == set()
    assert twice(lambda entry: (entry.endpoints.token,) if entry.endpoints else ()) == set()
    assert twice(lambda entry: entry.origins) == SHARED_ORIGINS
    assert twice(lambda entry: (entry.name,)) == set()


def test_every_entry_is_found_by_what_it_lists() -> None:
    catalog = CatalogFiles().all
    for entry in catalog.entries:
        for issuer in entry.issuers:
            assert catalog.of_issuer(issuer) == entry
        if entry.endpoints:
            assert catalog.entry("https://elsewhere.example", entry.endpoints.token) == entry
            assert catalog.knows_pair(entry.origins[0], entry.endpoints.authorization, entry.endpoints.token)


@pytest.mark.parametrize("entry", [one for one in entries().values() if one.endpoints], ids=lambda one: str(one.name))
def test_an_authorization_request_carries_what_the_entry_asks_for_and_each_parameter_once(entry: CatalogEntry) -> None:
    assert entry.endpoints is not None
    provider = Provider("https://issuer.example", entry.endpoints.authorization, entry.endpoints.token)
    client = ProviderClient("key", 1, "client", None, "none", "https://strongroom.example/oauth/callback/key")
    challenge = code_challenge(Secret("v" * 43))
    request = AuthorizationRequest(provider, client, ("one", "two"), "https://mcp.example", entry)
    url = authorization_url(request, Secret("s"), challenge)
    pairs = parse_qsl(urlsplit(url).query)
    sent = dict(pairs)
    assert len(pairs) == len(sent)
    assert sent.items() >= entry.asking.parameters.items()
    assert sent[entry.asking.scope_parameter] == entry.asking.scope_separator.join(("one", "two"))
    assert ("resource" in sent) == entry.asking.resource


def test_the_page_shows_the_catalog() -> None:
    assert rendered() in PAGE.read_text("utf-8"), (
        "docs/providers.md is old; rewrite it: PYTHONPATH=layers/common/python python3 -m tests.providers"
    )


def test_the_page_shows_what_is_known_at_second_hand() -> None:
    assert row("airtable", entries()["airtable"])[6].endswith(", all at second hand")
    assert row("zoom", entries()["zoom"])[6].endswith(", at second hand: `reading.errors`, `reading.refused`")
    assert "second hand" not in row("box", entries()["box"])[6]


# -- The form ----------------------------------------------------------------------------------------------------------


def test_an_entry_can_say_all_that_there_is_to_say() -> None:
    entry = read_entry(WHOLE)
    for part in fields(CatalogEntry):
        assert getattr(entry, part.name) != getattr(STRICT, part.name), part.name
        section = getattr(entry, part.name)
        for member in fields(section) if is_dataclass(section) else ():
            unsaid = getattr(getattr(STRICT, part.name), member.name, None)
            assert getattr(section, member.name) != unsaid, member.name


MISTAKES: Mapping[str, dict[str, Any]] = {
    "an unknown member": planted("colour", "blue"),
    "an unknown section": planted("reviewing", {"ends": "token"}),
    "an unknown member of a section": planted("reading.tokens", ["x"]),
    "a section that is no table": planted("reading", ["authed_user"]),
    "no name": without("name"),
    "no documentation": without("documentation"),
    "no day of verification": without("verified"),
    "no origins": without("origins"),
    "no token endpoint": without("endpoints.token"),
    "no authorization endpoint": without("endpoints.authorization"),
    "an empty name": planted("name", ""),
    "documentation over http": planted("documentation", "http://docs.files.example/oauth"),
    "documentation that is no URL": planted("documentation", "see the docs"),
    "a day as text": planted("verified", "2026-11-22"),
    "a day with a time": planted("verified", datetime(2026, 11, 22)),  # noqa: DTZ001 - TOML has times without a zone
    "one issuer instead of a list": planted("issuers", "https://files.example"),
    "an issuer over http": planted("issuers", ["http://files.example"]),
    "an alias for somebody else": planted("issuer_aliases", {"https://files.example/": "https://elsewhere.example"}),
    "an alias over http": planted("issuer_aliases", {"http://files.example": "https://files.example"}),
    "aliases as a list": planted("issuer_aliases", ["https://files.example"]),
    "an origin over http": planted("origins", ["http://files.example"]),
    "an origin with a path": planted("origins", ["https://files.example/"]),
    "an origin with a user": planted("origins", ["https://alice@files.example"]),
    "an origin in upper case": planted("origins", ["https://FILES.example"]),
    "an origin with its usual port": planted("origins", ["https://files.example:443"]),
    "a wildcard for everybody": planted("origins", ["https://*.example"]),
    "a wildcard within": planted("origins", ["https://files.*.example"]),
    "two wildcards": planted("origins", ["https://*.*.files.example"]),
    "half a label as wildcard": planted("origins", ["https://files-*.example.net"]),
    "an endpoint over http": planted("endpoints.token", "http://files.example/token"),
    "an endpoint elsewhere": planted("endpoints.token", "https://elsewhere.example/token"),
    "a revocation elsewhere": planted("endpoints.revocation", "https://elsewhere.example/revoke"),
    "an endpoint of a tenant's tenant": planted("endpoints.token", "https://a.b.files.example/token"),
    "a parameter that is a number": planted("asking.parameters", {"max_age": 3}),
    "a parameter with a strange name": planted("asking.parameters", {"a b": "c"}),
    "a line break in a parameter": planted("asking.parameters", {"prompt": "a\nb"}),
    "parameters as a list": planted("asking.parameters", ["prompt"]),
    "scopes as the state": planted("asking.scope_parameter", "state"),
    "scopes as the redirect URI": planted("asking.scope_parameter", "redirect_uri"),
    "scopes under a name that an admin may add": planted("asking.scope_parameter", "permissions"),
    "another separator": planted("asking.scope_separator", ";"),
    "a separator that is a list": planted("asking.scope_separator", [","]),
    "a switch as text": planted("asking.resource", "no"),
    "a switch as a number": planted("asking.pkce_unlisted", 1),
    "an unknown method": planted("authenticating.methods", ["password"]),
    "a method instead of a list": planted("authenticating.methods", "none"),
    "another body": planted("authenticating.body", "xml"),
    "another registration": planted("authenticating.registration", "guessed"),
    "a path as text": planted("reading.exchange", "authed_user"),
    "a flag that is no name": planted("reading.success_flag", "is it ok"),
    "a token type in capitals": planted("reading.token_types", ["User"]),
    "an account as text": planted("reading.account", "team.name"),
    "an account at no name": planted("reading.account", ["team", ""]),
    "seconds as text": planted("refreshing.idle", "60 days"),
    "seconds below zero": planted("refreshing.grace", -1),
    "seconds as a switch": planted("refreshing.lifetime", True),
    "a fraction of seconds": planted("refreshing.lifetime", 0.5),
    "a hundred years": planted("refreshing.lifetime", 100 * 366 * 86_400),
    "a refresh over http": planted("refreshing.endpoint", "http://files.example/refresh"),
    "a refresh elsewhere": planted("refreshing.endpoint", "https://elsewhere.example/refresh"),
    "a refresh at a look-alike": planted("refreshing.endpoint", "https://files.example.evil.example/refresh"),
    "a refresh that is no URL": planted("refreshing.endpoint", "/refresh"),
    "an unknown end": planted("revoking.ends", "everything"),
    "another body of a revocation": planted("revoking.body", "xml"),
    "a page over http": planted("revoking.page", "http://files.example/apps"),
    "a page on this machine": planted("revoking.page", "http://localhost/apps"),
    "a page of another scheme": planted("revoking.page", "javascript://files.example/%0aalert(1)"),
    "a page that is no URL": planted("revoking.page", "/apps"),
    "a header that is a number": planted("authenticating.headers", {"Files-Version": 3}),
    "a header with a strange name": planted("authenticating.headers", {"Files Version": "3"}),
    "a line break in a header": planted("authenticating.headers", {"Files-Version": "3\r\nHost: evil.example"}),
    "a line break in a header's name": planted("authenticating.headers", {"Files-Version\r\nHost": "3"}),
    "a header beyond ASCII": planted("authenticating.headers", {"Files-Version": "\u0663"}),
    "an empty header": planted("authenticating.headers", {"Files-Version": ""}),
    "headers as a list": planted("authenticating.headers", ["Files-Version"]),
    **{f"our own header {name}": planted("authenticating.headers", {name: "x"}) for name in OUR_HEADERS},
    "a member with an error that is no name": planted("reading.errors", ["the status"]),
    "one member with an error instead of a list": planted("reading.errors", "status"),
    "a line break in a refusal": planted("reading.refused", ["a\nb"]),
    "an empty refusal": planted("reading.refused", [""]),
    "one member at second hand instead of a list": planted("second_hand", "origins"),
    "a member at second hand that nobody has": planted("second_hand", ["colour"]),
    "a member at second hand that is not there": planted("second_hand", ["origins", "asking.body"]),
    "a section at second hand": planted("second_hand", ["refreshing"]),
    "a member at second hand by a part of its name": planted("second_hand", ["idle"]),
    "the documentation at second hand": planted("second_hand", ["documentation"]),
    **{f"our own parameter {name}": planted("asking.parameters", {name: "x"}) for name in sorted(OWN_PARAMETERS)},
    "scopes among the parameters": planted("asking.parameters", {"include_granted_scopes": "x"}),
    "our own parameter in capitals": planted("asking.parameters", {"State": "x"}),
    "our own parameter as PHP reads it": planted("asking.parameters", {"redirect.uri": "x"}),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused(mistake: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_entry(MISTAKES[mistake])


def test_a_file_with_a_mistake_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text('name = "Broken"\n')
    with pytest.raises(ValueError, match=r"^broken\.toml: missing: documentation"):
        _ = CatalogFiles(tmp_path).all
    (tmp_path / "broken.toml").write_text("name = \n")
    with pytest.raises(ValueError, match=r"^broken\.toml: "):
        _ = CatalogFiles(tmp_path).all


def test_the_files_are_read_once_and_not_before_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("name = \n")
    files = CatalogFiles(tmp_path)
    (tmp_path / "broken.toml").unlink()
    assert files.of_issuer("https://files.example") is STRICT
    (tmp_path / "broken.toml").write_text("name = \n")
    assert files.of_issuer("https://files.example") is STRICT


# -- Whom an entry speaks for ------------------------------------------------------------------------------------------


def listed(name: str, *origins: str, issuers: tuple[str, ...] = ()) -> CatalogEntry:
    return CatalogEntry(name, issuers=issuers, origins=origins)


NOTION = listed("Notion", "https://notion.com", issuers=("https://notion.com",))
HELPDESK = listed("Helpdesk", "https://login.helpdesk.example", "https://*.helpdesk.example")
CATALOG = Catalog((listed("Everything", "https://files.example"), NOTION, HELPDESK))

LOOK_ALIKES = [
    "https://evil-notion.com",
    "https://notion.com.evil.example",
    "https://notion.community",
    "https://www.notion.com",
    "https://notion.com:8443",
    "https://notion.com@evil.example",
    "https://alice@notion.com",
    "https://notion.com\\.evil.example",
    "http://notion.com",
    "https://notion.com.",
    "https://n\u043etion.com",
    "notion.com",
    "",
]


@pytest.mark.parametrize("look_alike", LOOK_ALIKES)
def test_a_look_alike_is_nobody(look_alike: str) -> None:
    assert CATALOG.of_issuer(look_alike) is STRICT
    assert CATALOG.entry("https://elsewhere.example", look_alike + "/token") is STRICT
    assert not CATALOG.knows_pair(look_alike, "https://notion.com/authorize", "https://notion.com/token")
    assert not CATALOG.knows_pair("https://notion.com", "https://notion.com/authorize", look_alike + "/token")


def test_control_the_provider_itself_is_found() -> None:
    assert CATALOG.of_issuer("https://notion.com") is NOTION
    assert CATALOG.entry("https://elsewhere.example", "https://notion.com/token") is NOTION
    assert CATALOG.knows_pair("https://notion.com", "https://notion.com/authorize", "https://notion.com/token")


@pytest.mark.parametrize("issuer", ["https://notion.com/", "https://NOTION.com", "https://notion.com/tenant"])
def test_an_issuer_is_compared_letter_by_letter(issuer: str) -> None:
    assert CATALOG.entry(issuer, "https://elsewhere.example/token") is STRICT
    assert CATALOG.entry("https://notion.com", "https://elsewhere.example/token") is NOTION


def test_the_issuer_comes_before_the_origin() -> None:
    assert CATALOG.entry("https://notion.com", "https://files.example/token") is NOTION


def test_the_exact_token_endpoint_tells_two_entries_of_one_origin_apart() -> None:
    slack, v2 = entries()["slack"], entries()["slack_v2"]
    found = CatalogFiles().all.entry
    assert found("https://slack.com", "https://slack.com/api/oauth.v2.access") == v2
    assert found("https://mcp.slack.com", "https://slack.com/api/oauth.v2.user.access") == slack
    assert found("https://elsewhere.example", "https://slack.com/api/some.other") == slack


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("alice.helpdesk.example", True),
        ("login.helpdesk.example", True),
        ("helpdesk.example", False),
        ("a.b.helpdesk.example", False),
        ("alice.helpdesk.example.evil.example", False),
        ("alice-helpdesk.example", False),
        ("alice.helpdesk.example:8443", False),
    ],
)
def test_a_wildcard_is_exactly_one_label(host: str, found: bool) -> None:
    assert CATALOG.entry("https://elsewhere.example", f"https://{host}/token") is (HELPDESK if found else STRICT)


def test_tenants_do_not_vouch_for_each_other() -> None:
    alice, bob = "https://alice.helpdesk.example", "https://bob.helpdesk.example"
    login = "https://login.helpdesk.example"
    assert not CATALOG.knows_pair(alice, f"{bob}/authorize", f"{bob}/token")
    assert not CATALOG.knows_pair(alice, f"{login}/authorize", f"{login}/token")
    assert not CATALOG.knows_pair(login, f"{alice}/authorize", f"{bob}/token")
    assert CATALOG.knows_pair(login, f"{alice}/authorize", f"{alice}/token")
    assert CATALOG.knows_pair(login, f"{login}/authorize", f"{alice}/token")


def test_two_providers_do_not_vouch_for_each_other() -> None:
    assert not CATALOG.knows_pair("https://notion.com", "https://files.example/authorize", "https://notion.com/token")
    assert not CATALOG.knows_pair(
        "https://unlisted.example", "https://notion.com/authorize", "https://notion.com/token"
    )


@pytest.mark.parametrize(
    ("entry", "issuer", "page"),
    [
        (entries()["github"], "https://github.com/login/oauth", "https://github.com/settings/applications"),
        (entries()["google"], "https://accounts.google.com/", "https://myaccount.google.com/permissions"),
        (entries()["zendesk"], "https://alice.zendesk.com/tenant", "https://alice.zendesk.com"),
        (STRICT, "https://Login.Example:8443/tenant?a=b", "https://login.example:8443"),
        (STRICT, "http://localhost:8080/tenant", None),
        *((STRICT, hostile, None) for hostile in ("javascript:alert(1)", "data:text/html,x", "//evil.example", "")),
        (STRICT, "https://provider.example@evil.example", None),
    ],
)
def test_a_person_ends_an_app_at_the_page_of_the_entry_or_where_the_issuer_is(
    entry: CatalogEntry, issuer: str, page: str | None
) -> None:
    assert entry.page_to_end_at(issuer, loopback=False) == page


def test_in_development_an_issuer_may_be_on_this_machine() -> None:
    assert STRICT.page_to_end_at("http://localhost:8080/tenant", loopback=True) == "http://localhost:8080"
    assert STRICT.page_to_end_at("http://provider.example", loopback=True) is None


def test_of_an_unlisted_provider_the_rules_hold_and_nothing_is_relied_upon() -> None:
    assert not STRICT.is_listed
    assert (STRICT.asking.resource, STRICT.asking.pkce_unlisted, STRICT.revoking.ends) == (True, False, None)
    assert (STRICT.refreshing.idle, STRICT.refreshing.reuse_detected, STRICT.reading.never_expires) == (
        None,
        None,
        False,
    )

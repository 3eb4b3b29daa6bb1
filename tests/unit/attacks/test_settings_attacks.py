"""What an operator may get wrong, or an attacker may slip into a setting: the start stops, and says which one it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from strongroom.aws import settings
from strongroom.aws.wiring import QueueName, Wired, wire
from strongroom.domain.errors import SettingsError
from tests.settings import SETTINGS
from tests.weakened import weakened

QUEUES: tuple[QueueName, ...] = ("sweep", "renewal", "rescue", "chore")
LOOPBACK = {
    "STRONGROOM_DEVELOPMENT": "loopback",
    "STRONGROOM_PUBLIC_URL": "http://127.0.0.1:8400",
    "STRONGROOM_WEB_CLIENT_URL": "http://127.0.0.1:8405/",
    "STRONGROOM_WEB_ORIGINS": "http://127.0.0.1:8405",
    "STRONGROOM_ISSUER": "http://127.0.0.1:8402",
}


def start(changed: Mapping[str, str | None] = {}, people: bool = True) -> Wired:
    """Start a function that uses everything, with settings changed; None takes one away."""
    environment = {name: value for name, value in {**SETTINGS, **changed}.items() if value is not None}
    return wire("test", queues=QUEUES, people=people, environment=environment)


def refusal(changed: Mapping[str, str | None]) -> str:
    with pytest.raises(SettingsError) as stopped:
        start(changed)
    return str(stopped.value)


def is_a_sentence(text: str) -> bool:
    return text.startswith("STRONGROOM_") and "set it to" in text and text.endswith(".") and "\n" not in text


def test_control_the_tests_own_settings_start() -> None:
    wired = start()
    assert wired.ports.policy.public_url == SETTINGS["STRONGROOM_PUBLIC_URL"]
    assert wired.issuer == SETTINGS["STRONGROOM_ISSUER"]
    assert wired.queues == {name: name for name in QUEUES}
    assert not wired.ports.policy.loopback


NEEDED: tuple[str, ...] = ("DEPLOYMENT", "TABLE", "VAULT_KEY", "PUBLIC_URL", "WEB_CLIENT_URL", "ISSUER")
NEEDED += tuple(f"{name.upper()}_QUEUE" for name in QUEUES)


@pytest.mark.parametrize("value", [None, "", "  ", "\t\n"], ids=repr)
@pytest.mark.parametrize("name", NEEDED)
def test_a_setting_that_is_not_set_stops_the_start(name: str, value: str | None) -> None:
    text = refusal({f"STRONGROOM_{name}": value})
    assert text.startswith(f"STRONGROOM_{name} is not set: set it to ")
    assert text.endswith(".")
    assert "a value" not in text, "it says what the setting means"


def test_a_setting_of_a_similar_name_does_not_count() -> None:
    without = {"STRONGROOM_TABLE": None, "TABLE": "x", "strongroom_table": "x", "STRONGROOM_TABLES": "x"}
    assert refusal(without).startswith("STRONGROOM_TABLE is not set")


NO_ORIGIN = {
    "http": "http://strongroom.example",
    "a path": "https://strongroom.example/v1",
    "a slash": "https://strongroom.example/",
    "a query": "https://strongroom.example?x=1",
    "an empty query": "https://strongroom.example?",
    "a fragment": "https://strongroom.example#x",
    "an empty fragment": "https://strongroom.example#",
    "a user": "https://strongroom.example@evil.example",
    "no scheme": "strongroom.example",
    "half a scheme": "//strongroom.example",
    "a colon alone": "https:strongroom.example",
    "another scheme": "ftp://strongroom.example",
    "javascript": "javascript:alert(1)",
    "no host": "https://",
    "no host but a path": "https:///v1",
    "a sentence": "see the wiki",
    "half an address": "https://[::1",
    "a space": "https://strong room.example",
    "a tab": "https://strong\troom.example",
    "a line break": "https://strongroom.example\r\nX: y",
    "a backslash": "https://strongroom.example\\@evil.example",
    "a port that is none": "https://strongroom.example:99999",
    "a port in words": "https://strongroom.example:https",
    "an empty port": "https://strongroom.example:",
    "letters that are not ASCII": "https://strongröm.example",
    "letters that look like others": "https://ѕtrongroom.example",
    "upper case": "https://Strongroom.Example",
    "the scheme in upper case": "HTTPS://strongroom.example",
    "the usual port": "https://strongroom.example:443",
    "a wildcard": "https://*.strongroom.example",
    "two of them": "https://strongroom.example,https://evil.example",
    "a percent sign": "https://strongroom%2eexample",
    "http on this machine": "http://127.0.0.1:8400",
    "too long": "https://" + "a" * 3000 + ".example",
}


@pytest.mark.parametrize("url", NO_ORIGIN.values(), ids=NO_ORIGIN.keys())
def test_a_public_url_that_is_no_https_origin_stops_the_start(url: str) -> None:
    text = refusal({"STRONGROOM_PUBLIC_URL": url})
    assert text.startswith("STRONGROOM_PUBLIC_URL is ")
    assert is_a_sentence(text)


@pytest.mark.parametrize("url", ["http://strongroom.example", "https://x.example/v1", "https://[::1"])
def test_a_worker_is_as_strict(url: str) -> None:
    with pytest.raises(SettingsError, match="STRONGROOM_PUBLIC_URL"):
        start({"STRONGROOM_PUBLIC_URL": url}, people=False)


IN_A_LIST = {kind: url for kind, url in NO_ORIGIN.items() if kind != "two of them"}


@pytest.mark.parametrize("url", IN_A_LIST.values(), ids=IN_A_LIST.keys())
def test_an_origin_of_the_web_client_that_is_none_stops_the_start(url: str) -> None:
    text = refusal({"STRONGROOM_WEB_ORIGINS": f"https://app.example,{url}"})
    assert text.startswith("STRONGROOM_WEB_ORIGINS is ")
    assert is_a_sentence(text)


@pytest.mark.parametrize("listed", ["*", "null", "https://*", ".example", "https://app.example https://evil.example"])
def test_no_wildcard_lets_other_origins_in(listed: str) -> None:
    assert refusal({"STRONGROOM_WEB_ORIGINS": listed}).startswith("STRONGROOM_WEB_ORIGINS is ")


PAIR = "https://id.example=https://oauth.example"


def test_control_pairs_of_origins_are_taken() -> None:
    given = start({"STRONGROOM_ENDPOINT_ORIGINS": f" {PAIR}, https://a.example=https://b.example:8443"}).ports.policy
    assert given.origins_beside("https://id.example") == {"https://oauth.example"}
    assert given.origins_beside("https://a.example") == {"https://b.example:8443"}
    assert given.origins_beside("https://oauth.example") == frozenset()
    assert start({"STRONGROOM_ENDPOINT_ORIGINS": None}).ports.policy.endpoint_origins == ()


@pytest.mark.parametrize("url", IN_A_LIST.values(), ids=IN_A_LIST.keys())
@pytest.mark.parametrize("pair", ["{0}=https://oauth.example", "https://id.example={0}"])
def test_a_pair_with_an_origin_that_is_none_stops_the_start(pair: str, url: str) -> None:
    text = refusal({"STRONGROOM_ENDPOINT_ORIGINS": f"{PAIR},{pair.format(url)}"})
    assert text.startswith("STRONGROOM_ENDPOINT_ORIGINS is ")
    assert is_a_sentence(text)


@pytest.mark.parametrize(
    "pair", ["https://id.example", "=", f"{PAIR}=https://c.example", "=https://b.example", "a=b", "*"]
)
def test_half_a_pair_stops_the_start(pair: str) -> None:
    assert is_a_sentence(refusal({"STRONGROOM_ENDPOINT_ORIGINS": pair}))


NO_PAGE = {
    "http": "http://app.example/connections",
    "a query": "https://app.example/connections?next=https://evil.example",
    "an empty query": "https://app.example/connections?",
    "a fragment": "https://app.example/#/connections",
    "a user": "https://app.example@evil.example/",
    "no URL": "connections.html",
    "half an address": "https://[::1/connections",
    "a tab": "https://app.example/conn\tections",
    "javascript": "javascript:alert(1)//https://app.example",
    "up": "https://app.example/a/../b",
    "a backslash": "https://app.example\\connections",
}


@pytest.mark.parametrize("url", NO_PAGE.values(), ids=NO_PAGE.keys())
def test_the_page_that_is_given_the_completion_secret_is_one_plain_https_url(url: str) -> None:
    text = refusal({"STRONGROOM_WEB_CLIENT_URL": url})
    assert text.startswith("STRONGROOM_WEB_CLIENT_URL is ")
    assert is_a_sentence(text)


@pytest.mark.parametrize(
    "issuer", ["http://sign-in.example", "sign-in.example", "https://sign-in.example?x", "https://[", "javascript:x"]
)
def test_an_issuer_that_is_no_https_url_stops_the_start(issuer: str) -> None:
    """RFC 8414 §2: https, no query, no fragment. A path and a final slash are the issuer's own business."""
    text = refusal({"STRONGROOM_ISSUER": issuer})
    assert text.startswith("STRONGROOM_ISSUER is ")
    assert is_a_sentence(text)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://sign-in.example/",
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC",
        "https://sign-in.example:8443/a",
    ],
)
def test_control_usual_issuers_start(issuer: str) -> None:
    assert start({"STRONGROOM_ISSUER": issuer}).issuer == issuer


# The development switch

AWAY = (
    "https://strongroom.example",
    "http://strongroom.example",
    "http://127.0.0.1.evil.example",
    "http://localhost.evil.example",
    "http://0.0.0.0:8400",
    "http://10.0.0.1",
    "http://127.0.0.1@evil.example",
    "http://[::ffff:10.0.0.1]",
    "https://[",
)


@pytest.mark.parametrize("url", AWAY)
def test_development_does_not_go_with_a_public_url_elsewhere(url: str) -> None:
    text = refusal({**LOOPBACK, "STRONGROOM_PUBLIC_URL": url})
    assert "STRONGROOM_DEVELOPMENT" in text or "STRONGROOM_PUBLIC_URL" in text
    with pytest.raises(SettingsError):
        start({**LOOPBACK, "STRONGROOM_PUBLIC_URL": url}, people=False)


@pytest.mark.parametrize("value", ["1", "true", "yes", "on", "LOOPBACK", "loopback,x", "production"])
def test_development_knows_one_word(value: str) -> None:
    text = refusal({**LOOPBACK, "STRONGROOM_DEVELOPMENT": value})
    assert text.startswith("STRONGROOM_DEVELOPMENT is ")


@pytest.mark.parametrize("name", ["PUBLIC_URL", "WEB_CLIENT_URL", "WEB_ORIGINS", "ISSUER"])
def test_without_development_no_setting_may_be_http_even_on_this_machine(name: str) -> None:
    assert refusal({f"STRONGROOM_{name}": LOOPBACK[f"STRONGROOM_{name}"]}).startswith(f"STRONGROOM_{name} is ")


@pytest.mark.parametrize("name", ["WEB_CLIENT_URL", "WEB_ORIGINS", "ISSUER"])
def test_with_development_http_is_for_this_machine_alone(name: str) -> None:
    assert refusal({**LOOPBACK, f"STRONGROOM_{name}": "http://evil.example"}).startswith(f"STRONGROOM_{name} is ")


@pytest.mark.parametrize("host", ["127.0.0.1:8400", "localhost:8400", "[::1]:8400"])
def test_control_development_on_this_machine_starts(host: str) -> None:
    assert start({**LOOPBACK, "STRONGROOM_PUBLIC_URL": f"http://{host}"}).ports.policy.loopback


def test_control_without_the_check_http_to_this_machine_goes_with_a_public_url() -> None:
    abroad = {**LOOPBACK, "STRONGROOM_PUBLIC_URL": "https://strongroom.example"}
    with weakened(settings._is_loopback, "url is not None", "True or url is not None"):
        assert start(abroad).ports.policy.loopback


# The rest


@pytest.mark.parametrize(
    "value", ["0", "-1", "1.5", "ten", "1e3", "٤", "0x10", "9" * 5000, "999999999999"], ids=lambda value: value[:12]
)
@pytest.mark.parametrize("name", ["SHARDS", "RENEW_AHEAD", "SHORT_LIVED", "IDLE_AFTER", "EXERCISE_AFTER"])
def test_a_number_that_is_none_or_absurd_stops_the_start(name: str, value: str) -> None:
    text = refusal({f"STRONGROOM_{name}": value})
    assert text.startswith(f"STRONGROOM_{name} is ")
    assert is_a_sentence(text)


@pytest.mark.parametrize(
    "value", ["1", "-1", "1800000000.5", "1800000000000", "2026-11-22", "1e9", "0800000000", "٠", "9" * 5000]
)
def test_a_moment_that_is_none_or_in_milliseconds_stops_the_start(value: str) -> None:
    text = refusal({"STRONGROOM_RESTORED_AT": value})
    assert text.startswith("STRONGROOM_RESTORED_AT is ")
    assert is_a_sentence(text)


@pytest.mark.parametrize(("value", "moment"), [(None, 0), ("", 0), ("0", 0), (" 1800000000 ", 1_800_000_000)])
def test_without_a_moment_nothing_was_ever_restored(value: str | None, moment: int) -> None:
    assert start({"STRONGROOM_RESTORED_AT": value}).ports.policy.restored_at == moment


@pytest.mark.parametrize(
    "key",
    [
        "alias/strongroom",
        "arn:aws:kms:us-east-1:123456789012:alias/strongroom",
        "key",
        "00000000-0000-4000-8000-000000000001",
    ],
)
def test_a_vault_key_is_named_by_its_arn(key: str) -> None:
    """An alias can be pointed at another key by whoever may manage aliases."""
    assert "STRONGROOM_VAULT_KEY" in refusal({"STRONGROOM_VAULT_KEY": key})


@pytest.mark.parametrize(
    "url", ["sweep", "https://sqs.us-east-1.amazonaws.com/123456789012/", "http://sqs.example/1/sweep", "https://["]
)
@pytest.mark.parametrize("queue", QUEUES)
def test_a_queue_is_named_by_its_url(queue: str, url: str) -> None:
    """A worker knows its messages by the queue's name; under a wrong one it would drop every message, rescued tokens too."""
    text = refusal({f"STRONGROOM_{queue.upper()}_QUEUE": url})
    assert text.startswith(f"STRONGROOM_{queue.upper()}_QUEUE is ")
    assert is_a_sentence(text)


def test_two_queues_are_two() -> None:
    same: dict[str, Any] = {"STRONGROOM_RESCUE_QUEUE": SETTINGS["STRONGROOM_RENEWAL_QUEUE"]}
    assert "QUEUE" in refusal(same)


def test_control_without_the_reading_of_urls_a_http_origin_starts() -> None:
    with weakened(settings._url, "web_url(text, loopback=loopback)", "web_url(text.replace('http:', 'https:'))"):
        assert start({"STRONGROOM_WEB_CLIENT_URL": "http://app.example/x"}).ports.policy.web_client_url.startswith(
            "http:"
        )

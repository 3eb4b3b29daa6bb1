"""What an admin looks after: a provider entered by hand, and a server that the satellite starts itself."""

from __future__ import annotations

from functools import partial

from local.actors import Person
from local.day import Day
from local.services.mcp_caller import Told
from local.services.notes_stdio import KEY, VARIABLE
from local.services.stdio_caller import DidNotStart
from local.terminal import call

TEAM = ("alice", "bob", "carol")


def rotating(day: Day) -> None:
    alice = day.people["alice"]
    client, installation = _entered_by_hand(day, alice)
    renewed = day.provider.rotate(client["client_id"])
    day.say("   (the provider makes another secret, and takes both for a while)")
    enter = partial(alice.at, "PUT", installation, "/client_secret")
    enter({"client_secret": renewed[:-1]})
    turned_away = day.provider.turned_away()
    day.expect(
        "alice enters it with a slip: the provider turns that away, and her renewal goes through with the one before",
        day.renews("alice", installation) and day.provider.turned_away() == turned_away + 1,
    )
    entered = enter({"client_secret": renewed})
    day.expect(
        "she enters it right: bob's renewal goes through at once",
        day.renews("bob", installation) and day.provider.turned_away() == turned_away + 1,
    )
    day.provider.end_old_secrets(client["client_id"])
    day.expect("the provider ends the old one: carol's renewal goes through", day.renews("carol", installation))
    said = [day.tool_says(name, installation) for name in TEAM]
    day.expect("nobody had to connect again: the tool says alice, bob, carol", said == list(TEAM))
    shown = alice.at("GET", installation)
    hidden = not any(secret.encode() in shown.body for secret in (client["client_secret"], renewed))
    when = shown.json()["provider"]["client_secret"]["rotated_at"]
    day.expect("she is shown when it was rotated, and no secret", hidden and when == entered.json()["rotated_at"])
    _uninstalling(day, alice, installation)


def _entered_by_hand(day: Day, alice: Person) -> tuple[dict[str, str], str]:
    """Give the client that the provider has registered, and the installation that uses it."""
    probed = alice.probe(day.places.mcp)
    client = day.provider.register(probed["callback_url"])
    by_hand = {"draft": probed["draft"], "issuer": day.places.provider, "client": client}
    installed = alice.install("Files by hand", day.places.mcp, provider=by_hand)
    day.expect(
        "alice registers a client at the provider herself, and enters it with its secret", installed.status == 201
    )
    installation = str(installed.json()["installation"])
    said = [day.people[name].connect(installation).status for name in TEAM]
    day.expect("she, bob and carol connect with it", said == [200] * 3)
    return client, installation


def _uninstalling(day: Day, alice: Person, installation: str) -> None:
    grants = [day.provider.newest_grant(name) for name in TEAM]
    removed = alice.at("DELETE", installation)
    gone = [day.reason(name, installation) for name in TEAM] == ["not_found"] * 3
    day.expect("alice uninstalls this one: look-ups give nothing any more", removed.status == 200 and gone)
    day.wait(
        "the provider's journal: its three grants are revoked",
        lambda: all(day.provider.was_told(grant) for grant in grants),
        day.fire_schedule,
    )
    day.expect("the other one goes on: the tool says alice", day.tool_says("alice") == "alice")


def starting(day: Day) -> None:
    alice = day.people["alice"]
    day.expect(
        "Team Notes has no URL: the gateway starts it, and without its variable it refuses",
        isinstance(day.satellite.start_notes({}), DidNotStart),
    )
    installed = alice.install("Team Notes", None, requires_oauth=False, inject={"env": {VARIABLE: KEY}})
    day.expect("alice installs it, and enters the variable", installed.status == 201)
    installation = installed.json()["installation"]
    shown = alice.at("GET", installation)
    named = shown.json()["injects"] == [{"kind": "env", "name": VARIABLE, "carries_token": False}]
    day.expect("she is shown its name, and never again its value", named and KEY.encode() not in shown.body)
    released = day.look_up("carol", installation).json()
    day.expect(
        "a look-up for carol gives no token, but the variable",
        (released["access_token"], *released["env"]) == (None, VARIABLE),
    )
    notes = day.satellite.start_notes(released["env"])
    day.expect("the server, started with that one variable, answers", isinstance(notes, Told))
    listed = call("carol", day.places.ports, "team-notes__list_notes")
    day.expect("the gateway starts it for carol, and passes her call on", bool(listed) and KEY not in listed)

"""The afternoon: one account for the whole team, one person in two teams, and somebody who leaves and comes back."""

from __future__ import annotations

from local.actors import Person
from local.day import Day

NOBODYS = "not_found"


def sharing(day: Day) -> None:
    alice, bob = day.people["alice"], day.people["bob"]
    shared = alice.install("Files for everybody", day.places.mcp, sharing="shared").json()["installation"]
    _confirming(day, alice, shared)
    told = (day.tool_says("bob", shared), day.tool_says("carol", shared))
    day.expect("bob and carol use it without having connected: for both the tool says alice", told == ("alice",) * 2)
    who = bob.status(shared)["authorized_by"]
    day.expect("bob is shown who authorized it", (who["user"], who["left_at"]) == ("alice", None))
    day.expect("bob cannot reconnect it (403)", bob.at("POST", shared, "/authorize", {}).status == 403)
    refused = bob.revoke(shared).status == 403 and day.tool_says("carol", shared) == "alice"
    day.expect("nor revoke it: it goes on for everybody", refused)
    _switching(day, alice, bob, shared)


def _confirming(day: Day, alice: Person, shared: str) -> None:
    arrival = alice.consent(alice.begin(shared))
    authorization, secret = arrival.authorization or "", arrival.secret or ""
    asked = alice.complete(authorization, secret)
    day.expect(
        "alice consents, and is asked whether the whole team shall use her account (confirmation_required)",
        (asked.status, asked.json()["error"]) == (409, "confirmation_required"),
    )
    done = alice.complete(authorization, secret, confirm_shared=True)
    day.expect("she confirms for the team", done.status == 200)


def _switching(day: Day, alice: Person, bob: Person, shared: str) -> None:
    """There and back: what was consented to before serves in neither mode."""
    apart = alice.at("PATCH", shared, body={"sharing": "per_user"})
    day.expect(
        "alice changes it so that each connects alone: her account is nobody else's any more",
        apart.status == 200 and day.reason("bob", shared) == day.reason("carol", shared) == "never_connected",
    )
    together = alice.at("PATCH", shared, body={"sharing": "shared"})
    day.expect(
        "and back: what was consented to before serves nobody, and bob's look-up says admin_must_connect",
        together.status == 200 and day.reason("bob", shared) == "admin_must_connect",
    )
    told = [person.status(shared)["reason"] for person in (alice, bob)]
    day.expect("both are told why: installation_changed", told == ["installation_changed"] * 2)


def in_two_teams(day: Day) -> None:
    here = day.people["carol"]
    there = here.in_team("lab")
    installation = there.install("Team Files", day.places.mcp).json()["installation"]
    here.connect(day.installation)
    of_acme = day.provider.newest_grant("carol")
    day.expect("carol connects for acme after all", day.tool_says("carol") == "carol")
    day.expect("in lab that counts for nothing", there.status(installation)["reason"] == "never_connected")
    there.connect(installation)
    of_lab = day.provider.newest_grant("carol")
    said = (day.tool_says("carol"), day.tool_says("carol", installation, "lab"))
    day.expect(
        "she connects the same account for lab: a grant for each team", of_lab != of_acme and said == ("carol",) * 2
    )
    day.host.put_member("lab", "carol", None)
    gone = day.reason("carol", installation, "lab") == NOBODYS and there.at("GET", installation).status == 404
    day.expect("the host takes her out of lab: there she is nobody now", gone)
    _wait_for_the_provider(day, "the provider's journal: the grant for lab is revoked", of_lab)
    day.expect(
        "the one for acme is not: it can still be renewed, and the tool says carol",
        day.renews("carol") and not day.provider.ended(of_acme) and day.tool_says("carol") == "carol",
    )


def leaving(day: Day) -> None:
    alice, bob = day.people["alice"], day.people["bob"]
    bob.connect(day.installation)
    grant = day.provider.newest_grant("bob")
    day.expect("bob has connected again", day.tool_says("bob") == "bob")
    day.host.put_member("acme", "bob", None)
    day.expect("the host takes bob out of the team: the next look-up gives nothing", day.reason("bob") == NOBODYS)
    day.expect("bob sees nothing of it any more (404)", bob.at("GET", day.installation).status == 404)
    _wait_for_the_provider(day, "the provider's journal: bob's grant is revoked", grant)
    day.host.put_member("acme", "bob", "team_user")
    day.expect(
        "the host puts him back: he starts from nothing (never_connected)", day.reason("bob") == "never_connected"
    )
    counted = alice.at("GET", day.installation, "/connections").json()
    day.expect(
        "alice sees how many are connected, and why others are not: 2 of 3, never_connected 1; nobody is named",
        (counted["members"], counted["connected"], counted["not_connected"]) == (3, 2, {"never_connected": 1}),
    )
    bob.connect(day.installation)
    day.expect("bob connects, and the tool says bob", day.tool_says("bob") == "bob")


def _wait_for_the_provider(day: Day, what: str, grant: str) -> None:
    """Nobody waits for what clears away behind a cut: the schedule finds it."""
    day.wait(what, lambda: day.provider.was_told(grant), day.fire_schedule)

"""Around noon: tokens near their end are renewed, and grants end, at the provider and here."""

from __future__ import annotations

from local.day import Day


def renewing(day: Day) -> None:
    before = {name: day.version(name) for name in ("alice", "bob")}
    rotated = {name: day.provider.refreshed(name) for name in before}
    day.say("   (waiting until both tokens are near their end)")
    day.wait(
        "the schedule fired, the sweep found both, the queue delivered, the provider rotated",
        lambda: all(day.provider.refreshed(name) > rotated[name] for name in before),
        day.fire_schedule,
    )
    day.wait("both have new tokens in the table", lambda: all(day.version(name) != before[name] for name in before))
    day.expect("the tool still works for both", all(day.tool_says(name) == name for name in before))
    version, count = day.version("bob"), day.provider.refreshed("bob")
    day.say("   (waiting until bob's token is about to expire, with the schedule at rest)")
    day.wait(
        "a look-up found bob's token about to expire and renewed it on demand",
        lambda: day.version("bob", min_validity=600) != version,
    )
    day.expect(
        "the provider rotated once for it, and the tool says bob",
        day.provider.refreshed("bob") == count + 1 and day.tool_says("bob") == "bob",
    )


def withdrawing(day: Day) -> None:
    alice = day.people["alice"]
    day.provider.withdraw("alice")
    day.say("   (waiting for the next renewal)")
    day.wait(
        "at the next renewal alice became auth_required (refused)",
        lambda: alice.status(day.installation)["reason"] == "refused",
        day.fire_schedule,
    )
    day.expect("bob was not touched", day.is_connected("bob") and day.tool_says("bob") == "bob")
    alice.connect(day.installation)
    day.expect("alice reconnects, and the tool says alice", day.tool_says("alice") == "alice")


def revoking(day: Day) -> None:
    revoked = day.people["bob"].revoke(day.installation)
    day.expect("bob revokes", revoked.status == 200 and revoked.json()["connection"]["reason"] == "revoked")
    day.expect("the next look-up for bob gives nothing", day.reason("bob") == "revoked")
    day.wait(
        "the provider has been told (RFC 7009) and has ended bob's grant",
        lambda: all(grant["ended"] for grant in day.provider.grants("bob")),
    )
    day.expect("alice still works", day.tool_says("alice") == "alice")

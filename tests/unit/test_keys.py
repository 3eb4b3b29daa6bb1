"""No text that comes from outside can reach another row's key or partition."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strongroom.domain import keys
from strongroom.domain.table import Key
from tests.requirements import requirement

KINDS: dict[str, tuple[Callable[..., Key], int]] = {
    "team": (keys.team, 1),
    "installation": (keys.installation, 2),
    "installation_name": (keys.installation_name, 2),
    "shared_connection": (keys.shared_connection, 2),
    "member": (keys.member, 2),
    "connection": (keys.connection, 3),
    "authorization": (keys.authorization, 1),
    "registration_lease": (keys.registration_lease, 1),
    "vault_key": (keys.vault_key, 2),
    "caller": (keys.caller, 2),
    "record": (keys.record, 3),
    "chore": (keys.chore, 1),
}
"""Every maker of keys that takes texts, and how many."""

# Texts that look like pieces of keys are tried far more often than chance would.
nasty = st.lists(st.sampled_from([*"#%ab", "%23", "#U#", "#C", "A", "I#", "\x00", "|", "é", "\u2028"]), min_size=1)
texts = nasty.map("".join) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
parts = st.tuples(texts, texts, texts)
rows = st.tuples(st.sampled_from(sorted(KINDS)), parts).map(lambda row: (row[0], row[1][: KINDS[row[0]][1]]))

Row = tuple[str, tuple[str, ...]]
Join = Callable[[Row], Key]


def encoded(row: Row) -> Key:
    kind, values = row
    return KINDS[kind][0](*values)


def naive(row: Row) -> Key:
    """Join the parts as they are: what the encoding protects from."""
    kind, values = row
    plain = [f"\x01{number}\x01" for number in range(len(values))]
    key = KINDS[kind][0](*plain)
    pk, sk = key.pk, key.sk
    for number, value in enumerate(values):
        pk, sk = (text.replace(f"%01{number}%01", value) for text in (pk, sk))
    return Key(pk, sk)


def collide(join: Join, one: Row, other: Row) -> bool:
    return one != other and join(one) == join(other)


FORGED: list[tuple[Row, Row]] = [
    (("member", ("a#U#b", "c")), ("member", ("a", "b#U#c"))),
    (("team", ("acme#U#bob",)), ("member", ("acme", "bob"))),
    (("installation", ("acme", "1#C")), ("shared_connection", ("acme", "1"))),
    (("connection", ("a", "b#U#c", "1")), ("connection", ("a#U#b", "c", "1"))),
    (("caller", ("1#2", "3")), ("caller", ("1", "2#3"))),
    (("record", ("acme#2026", "01", "x")), ("record", ("acme", "2026#01", "x"))),
]


@requirement("attack:D12")
@pytest.mark.parametrize(("forged", "target"), FORGED)
def test_an_id_with_separators_reaches_no_other_row(forged: Row, target: Row) -> None:
    assert not collide(encoded, forged, target)


@requirement("attack:D12")
@pytest.mark.parametrize(("forged", "target"), FORGED)
def test_the_same_id_would_reach_another_row_if_parts_were_joined_as_they_are(forged: Row, target: Row) -> None:
    assert collide(naive, forged, target)


@requirement("attack:D12")
@given(rows, rows)
@example(("team", ("a",)), ("team", ("%61",)))
@example(("team", ("%23",)), ("team", ("#",)))
def test_different_rows_never_share_a_key(one: Row, other: Row) -> None:
    assert not collide(encoded, one, other)


@requirement("attack:D12")
@given(texts, texts, texts)
@example("a", "ab", "x")
@example("a", "a#U#b", "x")
def test_a_team_never_shares_a_partition_with_another_teams_rows(one: str, other: str, name: str) -> None:
    if one == other:
        return
    of_one = {keys.team(one).pk, keys.member(one, name).pk, keys.record(one, "202601", name).pk}
    of_other = {keys.team(other).pk, keys.member(other, name).pk, keys.record(other, "202601", name).pk}

    assert not of_one & of_other


@requirement("attack:D12")
@given(texts, texts)
@example("1", "1#C")
def test_the_rows_of_one_installation_are_no_prefix_of_anothers(one: str, other: str) -> None:
    """A row is read by its whole key; where lists are read by prefix, the kind alone (`I#`) is the prefix."""
    if one == other:
        return
    ours = keys.installation("acme", one).sk + "#"

    assert not keys.installation("acme", other).sk.startswith(ours)
    assert not keys.shared_connection("acme", other).sk.startswith(ours)


def test_kinds_of_rows_in_one_partition_have_prefixes_of_their_own() -> None:
    sorts = [keys.team("a").sk, keys.installation("a", "A").sk, keys.installation_name("a", "A").sk]

    assert not [pair for pair in combinations(sorts, 2) if pair[0][:2] == pair[1][:2]]


@given(rows)
def test_keys_are_printable_ascii(row: Row) -> None:
    key = encoded(row)

    assert (key.pk + key.sk).isascii()
    assert (key.pk + key.sk).isprintable()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_empty_part_makes_no_key(kind: str) -> None:
    make, amount = KINDS[kind]

    for empty in range(amount):
        with pytest.raises(ValueError, match="empty"):
            make(*("" if number == empty else "x" for number in range(amount)))


def test_the_longest_user_id_fits_into_a_key() -> None:
    # DynamoDB takes 2048 bytes of partition key and 1024 of sort key; a user id has at most 255 ASCII characters,
    # each of which may take three.
    key = keys.connection("t" * 63, "|" * 255, "i" * 64)

    assert (len(key.pk) <= 2048, len(key.sk) <= 1024) == (True, True)


def test_generations_of_a_provider_client_sort_as_numbers() -> None:
    assert keys.provider_client("p", 9).sk < keys.provider_client("p", 10).sk

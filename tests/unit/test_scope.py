import pytest

from strongroom.domain.scope import LONGEST, MOST, are_few, scope_list, scopes_among, scopes_to_ask
from tests.requirements import requirement

TOGETHER_4096 = (*(f"{number}".ljust(511, "x") for number in range(7)), "x" * 512)


@pytest.mark.parametrize(
    ("text", "scopes"),
    [
        ("", ()),
        ("read", ("read",)),
        ("read  write read", ("read", "write")),
        ("https://scopes.example/read a:b", ("https://scopes.example/read", "a:b")),
        ("read\twrite", None),
        ('re"ad', None),
        ("re\\ad", None),
        ("é", None),
        (" ".join(map(str, range(101))), None),
        ("x" * 513, None),
        (" ".join(TOGETHER_4096), TOGETHER_4096),
        (" ".join((*TOGETHER_4096, "x")), None),
        (["read"], None),
        (None, None),
    ],
)
def test_a_scope_text_is_read_or_is_none(text: object, scopes: tuple[str, ...] | None) -> None:
    assert scope_list(text) == scopes


@requirement("mcp:A3")
def test_the_challenge_decides_then_the_resource_then_nobody() -> None:
    assert scopes_to_ask(("a",), ("b", "c"), ()) == ("a",)
    assert scopes_to_ask((), ("b", "c"), ()) == ("b", "c")
    assert scopes_to_ask((), (), ("x",)) == ()


@requirement("mcp:A4")
def test_offline_access_is_asked_for_exactly_when_the_authorization_server_lists_it() -> None:
    assert scopes_to_ask(("a", "offline_access"), (), ("a",)) == ("a",)
    assert scopes_to_ask(("a",), (), ("offline_access",)) == ("a", "offline_access")
    assert scopes_to_ask((), ("offline_access", "b"), ("offline_access",)) == ("b", "offline_access")


@pytest.mark.parametrize(
    ("number", "length", "few"), [(MOST, 1, True), (MOST + 1, 1, False), (1, LONGEST, True), (1, LONGEST + 1, False)]
)
def test_few_scopes_are_so_many_and_so_long_with_the_spaces_between_them(number: int, length: int, few: bool) -> None:
    assert are_few(["x" * length] * number) is few


def test_a_list_that_is_only_searched_may_be_long_and_what_is_no_scope_is_left_out() -> None:
    listed = [f"scope{number}" for number in range(150)]
    assert scopes_among([*listed, "", 'no"scope', "x" * 513, "offline_access"]) == (*listed, "offline_access")

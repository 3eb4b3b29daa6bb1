import pytest

from strongroom.domain.scope import scope_list, scopes_to_ask
from tests.requirements import requirement


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

"""What a gateway may list for a server that it starts. Strongroom's own rule for names stands in another package."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain import injection_names
from strongroom_satellite import Misconfigured, Secret
from strongroom_satellite.stdio import StdioServer, names
from strongroom_satellite.stdio.names import may_be_passed_on, may_come_from_strongroom
from tests.requirements import requirement
from tests.weakened import weakened

STEERING = (
    *("LD_PRELOAD", "ld_preload", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "PATH", "Path", "BASH_ENV", "ENV", "IFS"),
    *(
        "NODE_OPTIONS",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PERL5OPT",
        "RUBYOPT",
        "JAVA_TOOL_OPTIONS",
        "HOME",
        "XDG_CONFIG_HOME",
    ),
    *("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "SSL_CERT_FILE", "SSLKEYLOGFILE", "NODE_EXTRA_CA_CERTS", "GIT_SSH"),
    *("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "STRONGROOM_URL", "KUBECONFIG"),
)
NO_NAMES = ("", "1KEY", "A-B", "A=B", "KEY ", "KEY\n", "KEY\0", "SCHLÜSSEL", "K" * 129)
KEYS = ("NOTES_KEY", "GITHUB_TOKEN", "api_key", "_KEY", "OPENAI_API_KEY", "PROXY_KEY", "K" * 128)

_PARTS = sorted(
    {name for group in injection_names.VARIABLES for name in (*group.names, *group.begins, *group.ends)}
    | {"KEY", "X", "_", "a", "1", "é", "-"}
)
NAMES = st.lists(st.sampled_from(_PARTS), min_size=1, max_size=3).map("".join) | st.text(max_size=8)
CASES = st.sampled_from([str, str.lower, str.upper, str.title])


@requirement("attack:J1")
@pytest.mark.parametrize("name", [*STEERING, *NO_NAMES])
def test_a_variable_that_steers_the_child_cannot_be_listed(name: str) -> None:
    with pytest.raises(Misconfigured):
        StdioServer("notes", env=(name,))


def test_control_without_the_rule_it_could() -> None:
    with weakened(StdioServer.__post_init__, "if not may_come_from_strongroom(name):", "if False:"):
        assert StdioServer("notes", env=("LD_PRELOAD",)).env == ("LD_PRELOAD",)


@pytest.mark.parametrize("name", KEYS)
def test_a_key_can_be_listed(name: str) -> None:
    assert StdioServer("notes", env=(name,)).env == (name,)


@pytest.mark.parametrize("form", ["{}", "{}X", "X{}", "X_{}", "{}_KEY"])
def test_the_rule_is_strongrooms_own(form: str) -> None:
    for name in (*_PARTS, *STEERING, *NO_NAMES, *KEYS):
        agrees(form.format(name))


@given(NAMES, CASES)
def test_the_rule_is_strongrooms_own_for_whatever_else_names_are_made_of(name: str, cased: Any) -> None:
    agrees(cased(name))


def test_control_a_name_that_one_side_forgot_is_found() -> None:
    with weakened(names.may_come_from_strongroom, "folded in _EXACT or ", ""), pytest.raises(AssertionError):
        agrees("IFS")


def agrees(name: str) -> None:
    assert may_come_from_strongroom(name) == (injection_names.why_not_variable(name) is None)


@requirement("attack:J2")
@pytest.mark.parametrize(
    "name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN"]
)
def test_what_the_gateway_is_known_by_cannot_be_passed_on(name: str) -> None:
    with pytest.raises(Misconfigured):
        StdioServer("notes", inherit=(name,))


def test_control_without_that_rule_it_could() -> None:
    with weakened(StdioServer.__post_init__, "if not may_be_passed_on(name):", "if False:"):
        assert StdioServer("notes", inherit=("AWS_PROFILE",)).inherit == ("AWS_PROFILE",)


@pytest.mark.parametrize("name", ["PATH", "HOME", "LANG", "HTTPS_PROXY", "SSL_CERT_FILE", "AWS_REGION"])
def test_the_operators_own_variables_can_be_passed_on(name: str) -> None:
    assert may_be_passed_on(name)


@pytest.mark.parametrize(
    "listed", [{"env": ("KEY", "KEY")}, {"env": ("KEY",), "inherit": ("KEY",)}, {"inherit": ("LANG", "LANG")}]
)
def test_a_variable_comes_from_one_place(listed: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured, match="twice"):
        StdioServer("notes", **listed)


@pytest.mark.parametrize("listed", [{"env": "KEY"}, {"args": "-v"}, {"args": ("a\0b",)}, {"env": (1,)}])
def test_a_list_is_a_list_of_texts(listed: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured, match="list of texts"):
        StdioServer("notes", **listed)


def test_lists_and_paths_are_taken_too_and_a_definition_does_not_change() -> None:
    given_lists: Any = {"args": ["-v"], "env": ["KEY"], "cwd": Path("/srv")}
    server = StdioServer("notes", **given_lists)

    assert server == StdioServer("notes", ("-v",), ("KEY",), (), "/srv")
    assert hash(server) == hash(StdioServer("notes", ("-v",), ("KEY",), (), "/srv"))
    with pytest.raises(FrozenInstanceError):
        server.command = "another"  # type: ignore[misc] # it must refuse


def test_of_a_release_the_listed_variables_are_chosen() -> None:
    offered = {"KEY": Secret("a"), "OTHER": Secret("b")}

    assert StdioServer("notes", env=("KEY",)).chosen(offered) == {"KEY": Secret("a")}


@pytest.mark.parametrize("offered", [{}, {"key": Secret("a")}, {"KEY": Secret("a\0b")}])
def test_a_variable_that_cannot_be_given_is_named_without_its_value(offered: dict[str, Secret]) -> None:
    with pytest.raises(Misconfigured, match=r"\bKEY\b") as refused:
        StdioServer("notes", env=("KEY",)).chosen(offered)
    assert "a\0b" not in str(refused.value)


def test_a_variable_that_the_gateway_does_not_have_is_not_passed_on() -> None:
    server = StdioServer("notes", inherit=("LANG", "TZ"))

    assert server.environment({}, {"LANG": "C", "HOME": "/root"}) == {"LANG": "C"}


def test_a_program_is_found_on_the_gateways_path_and_named_by_its_whole_path(tmp_path: Path) -> None:
    program = tmp_path / "serve"
    program.touch(mode=0o755)

    assert StdioServer("serve", ("-v",)).found(str(tmp_path)) == (str(program), "-v")
    assert StdioServer("./serve", cwd=str(tmp_path)).found(None) == (str(program),)


@pytest.mark.parametrize("command", ["no-such-program", "./no-such-program", "/no/such/program"])
def test_a_program_that_is_not_there_is_refused(command: str) -> None:
    with pytest.raises(Misconfigured, match="no program"):
        StdioServer(command).found("/usr/bin")

"""Which headers and variables a satellite may be told to set."""

from __future__ import annotations

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from strongroom.domain.injection_names import HEADERS, VARIABLES, why_not_header, why_not_variable


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "X-Api-Key",
        "Api-Key",
        "X-Goog-Api-Key",
        "PRIVATE-TOKEN",
        "User-Agent",
        "x!#$%&'*+.^_`|~9",
        "a" * 128,
    ],
)
def test_a_header_by_which_servers_take_keys_may_be_set(name: str) -> None:
    assert why_not_header(name) is None


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "Cookie", "Set-Cookie", "Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade"),
        *(
            "Content-Length",
            "Content-Type",
            "Content-Encoding",
            "Forwarded",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "Via",
        ),
        *(
            "Proxy-Authorization",
            "Proxy-Connection",
            "Mcp-Session-Id",
            "Mcp-Protocol-Version",
            "Accept",
            "Accept-Encoding",
        ),
        *("Origin", "Referer", "Expect", "Last-Event-ID", "X-Amz-Security-Token", "X-Amzn-Trace-Id", "Sec-Fetch-Site"),
        *("X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-Url", "X-Real-IP", "True-Client-IP", "HTTP2-Settings"),
        *("If-None-Match", "Range", "Access-Control-Request-Method", "Max-Forwards", "CF-Connecting-IP"),
        *(
            "X-Forwarded",
            "X-Host",
            "Remote-User",
            "X-Remote-User",
            "X-Goog-Authenticated-User-Email",
            "WL-Proxy-Client-IP",
        ),
    ],
)
def test_a_header_of_somebody_else_may_not_be_set_in_any_case(name: str) -> None:
    for spelling in (name, name.lower(), name.upper(), name.swapcase()):
        assert why_not_header(spelling), spelling


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            " ",
            "X Key",
            "X-Key ",
            " X-Key",
            "X-Key:",
            ":authority",
            "X-Key\n",
            "X-Key\r\nHost",
            "X\x00",
            "é",
            "X(1)",
        ),
        "a" * 129,
    ],
)
def test_what_is_no_token_of_http_is_no_name_of_a_header(name: str) -> None:
    assert why_not_header(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "API_KEY",
            "api_key",
            "_X",
            "GITHUB_PERSONAL_ACCESS_TOKEN",
            "NOTION_TOKEN",
            "OPENAI_API_KEY",
            "GOOGLE_API_KEY",
        ),
        *(
            "SLACK_BOT_TOKEN",
            "DATABASE_URL",
            "PGPASSWORD",
            "AZURE_CLIENT_SECRET",
            "LOG_LEVEL",
            "RUST_LOG",
            "TZ",
            "A" * 128,
        ),
    ],
)
def test_a_variable_that_a_server_reads_may_be_set(name: str) -> None:
    assert why_not_variable(name) is None


@pytest.mark.parametrize(
    "name",
    [
        *("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "GCONV_PATH", "GLIBC_TUNABLES"),
        *(
            "PATH",
            "IFS",
            "ENV",
            "BASH_ENV",
            "SHELLOPTS",
            "PS4",
            "PROMPT_COMMAND",
            "ZDOTDIR",
            "EDITOR",
            "PAGER",
            "BROWSER",
        ),
        *(
            "PYTHONPATH",
            "PYTHONSTARTUP",
            "PIP_INDEX_URL",
            "UV_INDEX_URL",
            "NODE_OPTIONS",
            "NPM_CONFIG_REGISTRY",
            "RUBYOPT",
        ),
        *(
            "PERL5OPT",
            "JAVA_TOOL_OPTIONS",
            "JDK_JAVA_OPTIONS",
            "_JAVA_OPTIONS",
            "CLASSPATH",
            "GOPROXY",
            "RUSTC_WRAPPER",
        ),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "GLOBAL_AGENT_HTTP_PROXY"),
        *("GCE_METADATA_HOST", "GCE_METADATA_IP", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET"),
        *("AZURE_AUTHORITY_HOST", "MONO_PATH"),
        *(
            "SSL_CERT_FILE",
            "SSLKEYLOGFILE",
            "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
            "OPENSSL_CONF",
        ),
        *("AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL", "KUBECONFIG", "DOCKER_HOST", "GOOGLE_APPLICATION_CREDENTIALS"),
        *("GIT_SSH_COMMAND", "SSH_ASKPASS", "NETRC", "HOME", "TMPDIR", "USER", "XDG_CONFIG_HOME", "STRONGROOM_TABLE"),
    ],
)
def test_a_variable_that_steers_how_programs_run_may_not_be_set_in_any_case(name: str) -> None:
    for spelling in (name, name.lower(), name.title()):
        assert why_not_variable(spelling), spelling


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "A\n", "A\x00", "é", "BASH_FUNC_x%%", "A" * 129])
def test_what_is_no_name_of_posix_is_no_name_of_a_variable(name: str) -> None:
    assert why_not_variable(name)


def test_every_group_of_refused_names_says_why_and_is_spelled_in_one_case() -> None:
    for groups, folded in ((HEADERS, str.lower), (VARIABLES, str.upper)):
        assert len({group.why for group in groups}) == len(groups)
        for group in groups:
            words = (*group.names, *group.begins, *group.ends)
            assert words
            assert all(word == folded(word) and word.isascii() for word in words)


@for_all(st.data())
def test_every_refused_word_is_refused_in_any_case(data: st.DataObject) -> None:
    for checker, groups in ((why_not_header, HEADERS), (why_not_variable, VARIABLES)):
        one = data.draw(st.sampled_from(groups))
        words = [*one.names, *(f"{word}X1" for word in one.begins), *(f"A{word}" for word in one.ends)]
        name = "".join(data.draw(st.sampled_from((c.lower(), c.upper()))) for c in data.draw(st.sampled_from(words)))
        assert checker(name)

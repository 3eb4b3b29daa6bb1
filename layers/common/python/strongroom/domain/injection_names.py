"""Names that a satellite may be told to set, and those that it may not: headers by RFC 9110, variables by POSIX.

A list of what is refused is never complete, so that it is one lock of two: a satellite passes on only the variables that
its own configuration lists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_NAME = 128

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")  # RFC 9110 §5.6.2
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)  # POSIX.1-2017 §8.1, lower case as well


@dataclass(frozen=True, slots=True)
class Refused:
    """Names that are not to be set for one reason: spelled out, by how they begin, by how they end."""

    why: str
    names: frozenset[str] = frozenset()
    begins: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()

    def holds(self, name: str) -> bool:
        return name in self.names or name.startswith(self.begins) or bool(self.ends and name.endswith(self.ends))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


HEADERS: tuple[Refused, ...] = (
    Refused(
        "it decides where a request goes and where it ends",  # RFC 9110 §7.2, §7.6, §10.1; RFC 9112 §6
        _words(
            "host connection keep-alive te trailer transfer-encoding upgrade http2-settings expect max-forwards"
            " early-data alt-used"
        ),
        ("content-", "proxy-", "x-http-method", "x-method-override", "x-original-", "x-rewrite-"),
    ),
    Refused(
        "it says through whom a request came, and servers believe it",  # RFC 7239; what gateways and clouds add
        _words(
            "forwarded via x-forwarded x-host x-real-ip x-client-ip x-cluster-client-ip true-client-ip client-ip cdn-loop"
            " remote-user x-remote-user"
        ),
        (
            "x-forwarded-",
            "x-amz-",
            "x-amzn-",
            "x-envoy-",
            "x-azure-",
            "x-ms-client-principal",
            "x-goog-authenticated-",
            "wl-proxy-",
            "cf-",
            "fastly-",
        ),
    ),
    Refused(
        "it is a browser's or a server's word, not that of a program with a key",  # RFC 6265; Fetch
        _words("cookie cookie2 set-cookie set-cookie2 origin referer"),
        ("sec-", "access-control-"),
    ),
    Refused(
        "the satellite's MCP client speaks by it",  # MCP 2026-07-28, streamable HTTP
        _words("range last-event-id"),
        ("mcp-", "accept", "if-"),
    ),
)
"""In small letters. `Authorization`, `X-Api-Key` and whatever else servers take keys by are not among them."""

VARIABLES: tuple[Refused, ...] = (
    Refused(
        "it makes the loader or the C library run or read something else",
        _words(
            "GCONV_PATH GETCONF_DIR GLIBC_TUNABLES HOSTALIASES LIBPATH LOCALDOMAIN LOCPATH NLSPATH RES_OPTIONS"
            " RESOLV_HOST_CONF SHLIB_PATH TZDIR QT_PLUGIN_PATH GTK_MODULES GTK_PATH"
        ),
        ("LD_", "DYLD_", "MALLOC_", "_RLD", "GIO_", "DBUS_"),
    ),
    Refused(
        "a shell runs, reads or looks for programs by it",
        _words(
            "PATH PATHEXT COMSPEC IFS ENV CDPATH FPATH SHELL SHELLOPTS BASHOPTS EXECIGNORE GLOBIGNORE INPUTRC PROMPT_COMMAND"
            " PS0 PS1 PS2 PS3 PS4 ZDOTDIR TERMCAP TERMINFO TERMINFO_DIRS PSMODULEPATH"
            " EDITOR FCEDIT VISUAL PAGER MANPAGER BROWSER LESSOPEN LESSCLOSE"
        ),
        ("BASH_", "KSH_", "ZSH_"),
    ),
    Refused(
        "an interpreter or its package manager loads code by it",
        _words(
            "CLASSPATH _JAVA_OPTIONS JDK_JAVA_OPTIONS MONO_PATH PHPRC VIRTUAL_ENV RUSTFLAGS OCAMLRUNPARAM TCLLIBPATH"
            " GODEBUG GOENV GOFLAGS GOINSECURE GONOSUMDB GONOSUMCHECK GOPATH GOBIN GOPROXY GOPRIVATE GOROOT GOSUMDB"
            " GOTOOLCHAIN R_ENVIRON R_ENVIRON_USER R_HOME R_PROFILE R_PROFILE_USER MAKEFLAGS"
        ),
        (
            *(
                "PYTHON",
                "PIP_",
                "PIPX_",
                "UV_",
                "CONDA_",
                "POETRY_",
                "NODE_",
                "NPM_",
                "YARN_",
                "PNPM_",
                "BUN_",
                "DENO_",
            ),
            *("COREPACK_", "TS_NODE_", "TSX_", "ELECTRON_", "RUBY", "GEM_", "BUNDLE_", "PERL", "PHP_", "LUA_", "JAVA_"),
            *("JDK_", "JVM_", "MAVEN_", "GRADLE_", "DOTNET_", "CORECLR_", "COR_", "COMPLUS_", "NUGET_", "CARGO_"),
            *("RUSTC", "RUSTUP_", "R_LIBS", "JULIA_", "ERL_", "ELIXIR_", "GUILE_"),
        ),
    ),
    Refused("it sends requests another way", _words("PROXY PROXY_URL"), ends=("_PROXY", "_PROXY_URL")),
    Refused(
        "it decides whose certificates are believed, or writes down TLS keys",
        _words("SSLKEYLOGFILE GRPC_DEFAULT_SSL_ROOTS_FILE_PATH HTTPLIB2_CA_CERTS REQUESTS_CA_BUNDLE"),
        ("SSL_", "CURL_", "OPENSSL_", "GNUTLS_", "NSS_", "KRB5", "P11_KIT_"),
        ("_CA_BUNDLE", "_CA_CERT", "_CA_CERTS", "_CA_FILE", "_CA_PATH", "_CACERT", "_TLS_REJECT_UNAUTHORIZED"),
    ),
    Refused(
        "the satellite's own cloud, role and machines are found by it",
        _words(
            "GOOGLE_APPLICATION_CREDENTIALS BOTO_CONFIG KUBECONFIG _HANDLER LAMBDA_TASK_ROOT LAMBDA_RUNTIME_DIR"
            " NOTIFY_SOCKET GCE_METADATA_HOST GCE_METADATA_IP IDENTITY_ENDPOINT IDENTITY_HEADER MSI_ENDPOINT MSI_SECRET"
            " AZURE_AUTHORITY_HOST"
        ),
        (
            *(
                "AWS_",
                "_X_AMZN_",
                "ECS_",
                "GOOGLE_EXTERNAL_ACCOUNT_",
                "CLOUDSDK_",
                "DOCKER_",
                "CONTAINER_",
                "CONTAINERS_",
            ),
            *("PODMAN_", "BUILDKIT_", "BUILDX_", "COMPOSE_", "KUBERNETES_", "LISTEN_", "STRONGROOM_"),
        ),
    ),
    Refused(
        "a tool that programs start runs something else by it",
        _words("WGETRC NETRC SYSTEM_WGETRC GNUPGHOME HGRCPATH CVS_RSH RSYNC_RSH SVN_SSH SUDO_ASKPASS"),
        ("GIT_", "SSH_", "GPG_"),
    ),
    Refused(
        "it says who a program runs as, or where it keeps and finds its files",
        _words(
            "HOME HOMEDRIVE HOMEPATH USERPROFILE USER USERNAME LOGNAME PWD OLDPWD TMPDIR TEMPDIR TMP TEMP APPDATA"
            " LOCALAPPDATA ALLUSERSPROFILE PROGRAMDATA SYSTEMROOT SYSTEMDRIVE WINDIR"
        ),
        ("XDG_", "PROGRAMFILES", "COMMONPROGRAMFILES"),
    ),
)
"""In capitals, and compared in capitals: on some systems `Path` is `PATH`, and `https_proxy` is read on all."""


def why_not_header(name: str) -> str | None:
    """Say why this is no name of a header that may be set; None if it is one."""
    if not _TOKEN.fullmatch(name):
        return f"the name of a header is a token of RFC 9110 §5.6.2, of {LONGEST_NAME} characters at most"
    return _why_not(name, name.lower(), HEADERS)


def why_not_variable(name: str) -> str | None:
    """Say why this is no name of an environment variable that may be set; None if it is one."""
    if not _VARIABLE.fullmatch(name):
        return f"the name of a variable has letters, digits and _, {LONGEST_NAME} at most, and no digit in front"
    return _why_not(name, name.upper(), VARIABLES)


def _why_not(name: str, folded: str, refused: tuple[Refused, ...]) -> str | None:
    return next((f"{name} is not to be set: {group.why}" for group in refused if group.holds(folded)), None)

"""Variables that may not come from Strongroom, whatever a gateway lists.

Strongroom refuses them when an admin enters them; this is the same rule on this side, for a gateway that believes nobody.
Whoever may write one of them runs code in the child, or sees where its requests go, and needs no token any more.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)  # POSIX.1-2017 §8.1, and small letters

_LOADER = """
    GCONV_PATH GETCONF_DIR GLIBC_TUNABLES HOSTALIASES LIBPATH LOCALDOMAIN LOCPATH NLSPATH RES_OPTIONS RESOLV_HOST_CONF
    SHLIB_PATH TZDIR QT_PLUGIN_PATH GTK_MODULES GTK_PATH
    LD_* DYLD_* MALLOC_* _RLD* GIO_* DBUS_*
"""
_SHELL = """
    PATH PATHEXT COMSPEC IFS ENV CDPATH FPATH SHELL SHELLOPTS BASHOPTS EXECIGNORE GLOBIGNORE INPUTRC PROMPT_COMMAND
    PS0 PS1 PS2 PS3 PS4 ZDOTDIR TERMCAP TERMINFO TERMINFO_DIRS PSMODULEPATH
    EDITOR FCEDIT VISUAL PAGER MANPAGER BROWSER LESSOPEN LESSCLOSE
    BASH_* KSH_* ZSH_*
"""
_INTERPRETER = """
    CLASSPATH _JAVA_OPTIONS JDK_JAVA_OPTIONS MONO_PATH PHPRC VIRTUAL_ENV RUSTFLAGS OCAMLRUNPARAM TCLLIBPATH
    GODEBUG GOENV GOFLAGS GOINSECURE GONOSUMDB GONOSUMCHECK GOPATH GOBIN GOPROXY GOPRIVATE GOROOT GOSUMDB GOTOOLCHAIN
    R_ENVIRON R_ENVIRON_USER R_HOME R_PROFILE R_PROFILE_USER MAKEFLAGS
    PYTHON* PIP_* PIPX_* UV_* CONDA_* POETRY_* NODE_* NPM_* YARN_* PNPM_* BUN_* DENO_* COREPACK_* TS_NODE_* TSX_*
    ELECTRON_* RUBY* GEM_* BUNDLE_* PERL* PHP_* LUA_* JAVA_* JDK_* JVM_* MAVEN_* GRADLE_* DOTNET_* CORECLR_* COR_*
    COMPLUS_* NUGET_* CARGO_* RUSTC* RUSTUP_* R_LIBS* JULIA_* ERL_* ELIXIR_* GUILE_*
"""
_NETWORK = """
    PROXY PROXY_URL *_PROXY *_PROXY_URL
    SSLKEYLOGFILE GRPC_DEFAULT_SSL_ROOTS_FILE_PATH HTTPLIB2_CA_CERTS REQUESTS_CA_BUNDLE
    SSL_* CURL_* OPENSSL_* GNUTLS_* NSS_* KRB5* P11_KIT_*
    *_CA_BUNDLE *_CA_CERT *_CA_CERTS *_CA_FILE *_CA_PATH *_CACERT *_TLS_REJECT_UNAUTHORIZED
"""
_CLOUD = """
    GOOGLE_APPLICATION_CREDENTIALS BOTO_CONFIG KUBECONFIG _HANDLER LAMBDA_TASK_ROOT LAMBDA_RUNTIME_DIR NOTIFY_SOCKET
    GCE_METADATA_HOST GCE_METADATA_IP IDENTITY_ENDPOINT IDENTITY_HEADER MSI_ENDPOINT MSI_SECRET AZURE_AUTHORITY_HOST
    AWS_* _X_AMZN_* ECS_* GOOGLE_EXTERNAL_ACCOUNT_* CLOUDSDK_* DOCKER_* CONTAINER_* CONTAINERS_* PODMAN_* BUILDKIT_*
    BUILDX_* COMPOSE_* KUBERNETES_* LISTEN_* STRONGROOM_*
"""
_TOOLS_AND_PLACES = """
    WGETRC NETRC SYSTEM_WGETRC GNUPGHOME HGRCPATH CVS_RSH RSYNC_RSH SVN_SSH SUDO_ASKPASS GIT_* SSH_* GPG_*
    HOME HOMEDRIVE HOMEPATH USERPROFILE USER USERNAME LOGNAME PWD OLDPWD TMPDIR TEMPDIR TMP TEMP APPDATA LOCALAPPDATA
    ALLUSERSPROFILE PROGRAMDATA SYSTEMROOT SYSTEMDRIVE WINDIR XDG_* PROGRAMFILES* COMMONPROGRAMFILES*
"""
_REFUSED = " ".join((_LOADER, _SHELL, _INTERPRETER, _NETWORK, _CLOUD, _TOOLS_AND_PLACES)).split()
_EXACT = frozenset(name for name in _REFUSED if "*" not in name)
_BEGINS = tuple(name[:-1] for name in _REFUSED if name.endswith("*"))
_ENDS = tuple(name[1:] for name in _REFUSED if name.startswith("*"))

_OURS = ("AWS_", "STRONGROOM_")
_NOT_SECRET = frozenset({"AWS_REGION", "AWS_DEFAULT_REGION"})


def is_name(name: str) -> bool:
    """Tell whether this can name a variable at all."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def may_come_from_strongroom(name: str) -> bool:
    """Tell whether a release may set this variable. Compared in capitals: `https_proxy` is read as `HTTPS_PROXY` is."""
    folded = name.upper() if is_name(name) else "PATH"
    return not (folded in _EXACT or folded.startswith(_BEGINS) or folded.endswith(_ENDS))


def may_be_passed_on(name: str) -> bool:
    """Tell whether a child may get this variable of the gateway's own environment.

    Nearly everything: the gateway's environment is its operator's. But not what the gateway itself is known by, for with
    that a child could look up everybody's tokens.
    """
    return is_name(name) and (name.upper() in _NOT_SECRET or not name.upper().startswith(_OURS))

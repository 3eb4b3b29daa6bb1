"""What a bare machine can do to the set-up, as one sentence each. Pure: from the words of a tool to ours."""

from __future__ import annotations

import errno
import re

AGAIN = "then run the same command again; what was fetched is kept"

_OFFLINE = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectionError|Connection (?:broken|reset|refused)"
    r"|ConnectTimeout|ReadTimeout"
    r"|Temporary failure in name resolution|Network is unreachable|ProxyError|IncompleteRead|Max retries exceeded"
)
_REFUSED = re.compile(r"Permission denied|Read-only file system|Errno 13|Errno 30")


def no_ensurepip() -> str:
    return (
        "This Python has no ensurepip, which environments are made with: install it "
        "(Debian, Ubuntu: sudo apt install python3-venv), then run the same command again."
    )


def not_writable(folder: str) -> str:
    return f"Strongroom may not write in {folder}: copy it to a folder of your own, or change its permissions."


def disk_full() -> str:
    return f"The disk is full: make room (Strongroom needs about one gigabyte), {AGAIN}."


def explain_system(problem: OSError, folder: str) -> str:
    if problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return not_writable(folder)
    if problem.errno == errno.ENOSPC:
        return disk_full()
    return f"Setting up failed: {problem.strerror or problem}."


def explain_venv(output: str, log: str) -> str:
    """Say what `python -m venv` lacked."""
    if "ensurepip" in output:
        return no_ensurepip()
    return _common(output) or f"The environment could not be made; {log} holds what Python said."


def explain_download(output: str, log: str) -> str:
    """Say why pip gave up. A wrong hash comes first: it is the one thing that trying again must not cure."""
    if "DO NOT MATCH THE HASHES" in output:
        return f"A package is not the one that was locked, so nothing was installed; {log} names it."
    if common := _common(output):
        return common
    if "CERTIFICATE_VERIFY_FAILED" in output:
        return f"The package index's certificate is not trusted here: give pip your proxy's (PIP_CERT), {AGAIN}."
    if _OFFLINE.search(output):
        return f"A download failed: check the network (and pip's proxy or index settings), {AGAIN}."
    if missing := re.search(r"No matching distribution found for (\S+)", output):
        return f"The package index has no ready-made {missing[1]} for this Python and machine; {log} says more."
    return f"Installing the packages failed; {log} holds what pip said."


def _common(output: str) -> str | None:
    if "No space left on device" in output:
        return disk_full()
    if _REFUSED.search(output):
        return "Strongroom's environment could not be written: check the permissions of this folder and run it again."
    return None


def no_make() -> str:
    return "Building needs make: install it (Debian, Ubuntu: sudo apt install make; macOS: xcode-select --install)."


def not_on_windows() -> str:
    return "Strongroom's local system runs on Linux and macOS: on Windows, use it inside WSL."

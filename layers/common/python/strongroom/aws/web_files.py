"""A file as browsers get it: as it is or compressed, each with an ETag of its own, and not again while they have it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strongroom.aws.http import Request, Response

_ETAG = re.compile(r'(?:W/)?("[^"]*")')
_WEIGHT_OF_NOTHING = re.compile(r"0(?:\.0{0,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Representation:
    """What goes out: headers with the ETag in them, and the body's members of the response."""

    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class File:
    """One file in all its representations. What is no text is not compressed."""

    plain: Representation
    compressed: Representation | None


def text_file(text: str, headers: Mapping[str, str]) -> File:
    """Prepare a text once, for all requests."""
    packed = gzip.compress(text.encode(), mtime=0)
    return File(
        _represent(text.encode(), {"body": text}, headers),
        _represent(packed, _binary(packed), {**headers, "content-encoding": "gzip"}),
    )


def binary_file(content: bytes, headers: Mapping[str, str]) -> File:
    return File(_represent(content, _binary(content), headers), None)


def _binary(content: bytes) -> dict[str, Any]:
    return {"body": base64.b64encode(content).decode(), "isBase64Encoded": True}


def _represent(content: bytes, body: Mapping[str, Any], headers: Mapping[str, str]) -> Representation:
    """Name a representation by all of it (RFC 9110 §8.8.3).

    The headers count too: a browser keeps those that it has when it is answered 304, and with them an old
    Content-Security-Policy.
    """
    digest = hashlib.sha256(json.dumps(sorted(headers.items())).encode() + b"\0" + content).digest()
    etag = base64.urlsafe_b64encode(digest[:18]).decode()
    return Representation({**headers, "etag": f'"{etag}"'}, body)


def respond(request: Request, file: File) -> Response:
    """Answer a GET with the representation that the browser takes, or 304 if it has that one."""
    wants_gzip = accepts_gzip(request.header("accept-encoding") or "")
    chosen = file.compressed if file.compressed and wants_gzip else file.plain
    if has_already(request.header("if-none-match") or "", chosen.headers["etag"]):
        return {"statusCode": 304, "headers": _without_coding(chosen.headers), "body": ""}
    return {"statusCode": 200, "headers": dict(chosen.headers), **chosen.body}


def _without_coding(headers: Mapping[str, str]) -> dict[str, str]:
    # All others stay: a missing content-type API Gateway would fill in, as text/plain.
    return {name: value for name, value in headers.items() if name != "content-encoding"}


def accepts_gzip(header: str) -> bool:
    """Whether `gzip` is named, or else `*`, with a weight that is not zero (RFC 9110 §12.5.3)."""
    accepted: dict[str, bool] = {}
    for part in header.lower().split(","):
        coding, _, parameter = (piece.strip() for piece in part.partition(";"))
        name, _, weight = (piece.strip() for piece in parameter.partition("="))
        accepted[coding] = not (name == "q" and _WEIGHT_OF_NOTHING.fullmatch(weight))
    return accepted.get("gzip", accepted.get("*", False))


def has_already(header: str, etag: str) -> bool:
    """Compare `If-None-Match` weakly: a proxy may have made a tag weak on the way (RFC 9110 §8.8.3.2, §13.1.2)."""
    return header.strip() == "*" or etag in _ETAG.findall(header)

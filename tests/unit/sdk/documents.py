"""Documents as servers write them."""

from __future__ import annotations

import json
from typing import Any

from httpx2 import Response

from strongroom.domain.http import Reply

Document = dict[str, Any]
ISSUER = "https://provider.example"


def answer(document: object, status: int = 200) -> Reply:
    return Reply(status, {"content-type": ("application/json",)}, json.dumps(document).encode())


def resource_document(resource: object, **more: object) -> Reply:
    return answer({"resource": resource, "authorization_servers": [ISSUER], **more})


def server_document(issuer: object = ISSUER, **more: object) -> dict[str, object]:
    """Metadata of an authorization server that does all that we need. None leaves a member out."""
    usual = {
        "issuer": issuer,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "registration_endpoint": f"{ISSUER}/register",
        "code_challenge_methods_supported": ["S256"],
    }
    return {name: value for name, value in (usual | more).items() if value is not None}


def response(document: Document, status: int = 200) -> Response:
    """The same as `answer`, for the SDK."""
    return Response(status, json=document)


def changed(usual: Document, *changes: Document) -> tuple[Document, ...]:
    """The usual document, and once more with each change; None takes a member out."""
    return tuple({name: value for name, value in (usual | one).items() if value is not None} for one in ({}, *changes))

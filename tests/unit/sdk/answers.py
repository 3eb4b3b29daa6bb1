"""What is taken from the answers of a provider, and how we prove to it who we are."""

from __future__ import annotations

from typing import cast

from hypothesis import strategies as st
from mcp.client.auth import utils
from mcp.client.auth.oauth2 import OAuthContext, TokenStorage, check_registration_usable
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from strongroom.domain.client_authentication import proof_of
from strongroom.domain.exchange import Issued, judge_token_answer
from strongroom.domain.provider import AuthMethod, ProviderClient
from strongroom.domain.registration import judge_registration
from strongroom.domain.secret import Secret
from tests.unit.sdk.comparison import REFUSED, Comparison, Difference, at_once, or_refused
from tests.unit.sdk.documents import Document, answer, changed, response

REDIRECT = "https://strongroom.example/oauth/callback/key"


# A registration

REGISTRATIONS = changed(
    {"client_id": "id", "client_secret": "secret", "token_endpoint_auth_method": "client_secret_basic"},
    {"token_endpoint_auth_method": "client_secret_post", "redirect_uris": [REDIRECT]},
    {"token_endpoint_auth_method": "none", "client_secret": None},
    {"client_id": None},
    {"client_id": 7},
    {"client_secret": None},
    {"token_endpoint_auth_method": "private_key_jwt"},
    {"token_endpoint_auth_method": "tls_client_auth"},
    {"token_endpoint_auth_method": "none"},
    {"token_endpoint_auth_method": None},
    {"redirect_uris": ["https://evil.example/"]},
    {"redirect_uris": []},
    {"client_id": "i" * 3000},
    {"client_secret": "tab\tin it"},
    {"client_uri": "no URL"},
    {"issuer": "https://evil.example"},
)
ASKED_FOR: AuthMethod = "client_secret_basic"


def ours_of_registration(document: Document) -> object:
    client = or_refused(
        lambda: judge_registration(
            answer(document, 201), asked=ASKED_FOR, provider_key="key", generation=1, redirect_uri=REDIRECT
        )
    )
    if isinstance(client, str):
        return client
    return (client.client_id, client.client_secret.reveal() if client.client_secret else None, client.auth_method)


def sdk_of_registration(document: Document) -> object:
    def judged() -> OAuthClientInformationFull:
        client = at_once(utils.handle_registration_response(response(document, 201)))
        check_registration_usable(client)
        return client

    client = or_refused(judged)
    if isinstance(client, str):
        return client
    return (client.client_id, client.client_secret, client.token_endpoint_auth_method)


_METHODS = st.sampled_from(["none", "client_secret_post", "client_secret_basic", "private_key_jwt", "x", None])
_TEXTS = st.none() | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1)

REGISTRATION: Comparison[Document] = Comparison(
    "what a registration gives",
    ours_of_registration,
    sdk_of_registration,
    REGISTRATIONS,
    st.builds(
        lambda *values: dict(zip(("client_id", "client_secret", "token_endpoint_auth_method"), values, strict=True)),
        _TEXTS,
        _TEXTS,
        _METHODS,
    ).map(lambda document: {name: value for name, value in document.items() if value is not None}),
    (
        Difference(
            "registration:unused-secret",
            "A secret that the method does not use is not kept.",
            "RFC 7591 §3.2.1; RFC 6749 §2.3",
            lambda document: document.get("token_endpoint_auth_method") == "none" and "client_secret" in document,
        ),
        Difference(
            "registration:method-left-out",
            "Where no method is named, it is the one that we asked for.",
            "RFC 7591 §3.2.1",
            lambda document: document.get("token_endpoint_auth_method") is None,
        ),
        Difference(
            "registration:redirect-uris",
            "Redirect URIs other than exactly ours are refused.",
            "RFC 7591 §3.2.1; RFC 9700 §2.1",
            lambda document: document.get("redirect_uris", [REDIRECT]) != [REDIRECT],
        ),
        Difference(
            "registration:size",
            "Id and secret are printable ASCII of a bounded size.",
            "RFC 6749 A.1 and A.2, §2.3.1",
            lambda document: any(not text.isprintable() or len(text) > 2048 for text in map(str, document.values())),
        ),
        Difference(
            "registration:unused-members",
            "A member that we do not use spoils nothing.",
            "RFC 7591 §3.2.1",
            lambda document: "client_uri" in document,
        ),
    ),
)


# A token answer with status 200

TOKENS = changed(
    {"access_token": "at", "token_type": "Bearer", "expires_in": 3600, "scope": "read write", "refresh_token": "rt"},
    {"token_type": "bearer"},
    {"expires_in": None, "scope": None, "refresh_token": None},
    {"expires_in": "3600"},
    {"access_token": None},
    {"access_token": 7},
    {"token_type": "DPoP"},
    {"access_token": ""},
    {"access_token": "a b"},
    {"error": "invalid_grant"},
    {"token_type": 7},
    {"token_type": None},
    {"expires_in": -1},
    {"expires_in": 10**9},
    {"expires_in": 3600.5},
    {"expires_in": "soon"},
    {"expires_in": True},
    {"scope": 7},
    {"scope": ["read"]},
    {"scope": "read\tx"},
    {"refresh_token": ""},
    {"refresh_token": 7},
)


def ours_of_token(document: Document) -> object:
    outcome = judge_token_answer(answer(document), 0)
    if not isinstance(outcome, Issued):
        return REFUSED
    refresh = outcome.refresh_token.reveal() if outcome.refresh_token else None
    return (outcome.access_token.reveal(), refresh, outcome.lifetime, outcome.scopes)


def sdk_of_token(document: Document) -> object:
    token = or_refused(lambda: at_once(utils.handle_token_response_scopes(response(document))))
    if not isinstance(token, OAuthToken):
        return REFUSED
    scopes = tuple(token.scope.split(" ")) if token.scope is not None else None
    return (token.access_token, token.refresh_token, token.expires_in, scopes)


def _unusable_text(value: object) -> bool:
    return value is not None and (not isinstance(value, str) or value == "" or "\t" in value)


TOKEN: Comparison[Document] = Comparison(
    "what a token answer gives",
    ours_of_token,
    sdk_of_token,
    TOKENS,
    st.sampled_from(TOKENS).flatmap(
        lambda one: st.sampled_from(TOKENS).map(lambda other: {**one, "expires_in": other.get("expires_in")})
    ),
    (
        Difference(
            "token:empty",
            "A token that is empty or cannot stand in a header is none.",
            "RFC 6750 §2.1",
            lambda document: document.get("access_token") in {"", "a b"},
        ),
        Difference(
            "token:error",
            "An answer with an error is an error, whatever its status.",
            "RFC 6749 §5.2",
            lambda document: "error" in document,
        ),
        Difference(
            "token:lifetime",
            "A lifetime is a positive number up to a year, rounded down; anything else is unknown, and costs no tokens.",
            "RFC 6749 §5.1",
            lambda document: (
                document.get("expires_in") in {-1, 10**9, 3600.5, "soon"} or document.get("expires_in") is True
            ),
        ),
        Difference(
            "token:scope",
            "A scope that is none is not known, and costs no tokens.",
            "RFC 6749 §3.3 and §5.1",
            lambda document: _unusable_text(document.get("scope")),
        ),
        Difference(
            "token:refresh-token",
            "A refresh token that is empty or no text is none, and costs no access token.",
            "RFC 6749 §5.1 and §6",
            lambda document: _unusable_text(document.get("refresh_token")),
        ),
    ),
)


# How the client authenticates: asked are the method, the id and the secret

Client = tuple[AuthMethod, str, str]


def ours_of_client(asked: Client) -> tuple[dict[str, str], str | None]:
    method, identifier, secret = asked
    client = ProviderClient("key", 1, identifier, Secret(secret) if method != "none" else None, method, REDIRECT)
    proof = proof_of(client)
    return (dict(proof.form), proof.header.reveal() if proof.header else None)


def sdk_of_client(asked: Client) -> tuple[dict[str, str], str | None]:
    method, identifier, secret = asked
    context = OAuthContext(
        server_url="https://files.example/mcp",
        client_metadata=OAuthClientMetadata(redirect_uris=[AnyUrl(REDIRECT)]),
        storage=cast(TokenStorage, None),
        redirect_handler=None,
        callback_handler=None,
        client_info=OAuthClientInformationFull(
            client_id=identifier, client_secret=secret if method != "none" else None, token_endpoint_auth_method=method
        ),
    )
    data, headers = context.prepare_token_auth({"client_id": identifier}, {})  # as it exchanges and refreshes
    return (data, headers.get("Authorization"))


_PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1)

_CLIENTS: tuple[Client, ...] = (
    ("none", "id", "secret"),
    ("none", "i d/+", "secret"),
    ("client_secret_post", "id", "secret"),
    ("client_secret_post", "i:d %", "s&c="),
    ("client_secret_basic", "id", "secret"),
    ("client_secret_basic", "i:d", "se%cr+t/~é"),
    ("client_secret_basic", "i d", "secret"),
)
_METHOD: st.SearchStrategy[AuthMethod] = st.sampled_from(["none", "client_secret_post", "client_secret_basic"])
_MADE = st.tuples(_METHOD, _PRINTABLE, _PRINTABLE)

CLIENT_BODY: Comparison[Client] = Comparison(
    "what of the client stands in the body",
    lambda asked: ours_of_client(asked)[0],
    lambda asked: sdk_of_client(asked)[0],
    _CLIENTS,
    _MADE,
    (
        Difference(
            "client:one-method",
            "With Basic nothing of the client stands in the body: some servers count two methods.",
            "RFC 6749 §2.3",
            lambda asked: asked[0] == "client_secret_basic",
        ),
    ),
)

CLIENT_HEADER: Comparison[Client] = Comparison(
    "what of the client stands in the header",
    lambda asked: ours_of_client(asked)[1],
    lambda asked: sdk_of_client(asked)[1],
    _CLIENTS,
    _MADE,
    (
        Difference(
            "client:form-encoding",
            "In the form's encoding a space is a plus sign.",
            "RFC 6749 §2.3.1 and appendix B",
            lambda asked: asked[0] == "client_secret_basic" and " " in asked[1] + asked[2],
        ),
    ),
)

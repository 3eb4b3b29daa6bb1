"""The authorization server `django-oauth-toolkit` with its own consent page, on a database in memory.

Runs in an environment of its own, and loads Django by name: the environment that checks our types does not hold it.
Every rule of RFC 9700 that the package lets one choose is on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any
from urllib.request import urlopen

PASSWORD = "demo"  # noqa: S105 - this account protects nothing
# Named in memory and shared, so that every thread of the server sees it.
DATABASE = "file:peer?mode=memory&cache=shared"
SIGN_IN = '<form method="post">{% csrf_token %}{{ form }}<button type="submit">Sign in</button></form>'
RULES = (
    "IMPLICIT_GRANT",
    "PASSWORD_GRANT",
    "PKCE_METHOD",
    "ACCESS_TOKEN_TRANSPORT",
    "AUTHZ_RESPONSE_ISS",
    "TOKEN_STORAGE",
)


def settings(environment: Mapping[str, str]) -> dict[str, Any]:
    return {
        "ALLOWED_HOSTS": ["127.0.0.1"],
        "AUTH_PASSWORD_VALIDATORS": [],
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATABASE}},
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "INSTALLED_APPS": [
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        "LOGGING_CONFIG": None,  # its lines would hold codes
        "LOGIN_URL": "/sign-in",
        "MIDDLEWARE": [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        "OAUTH2_PROVIDER": {
            "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
            "CIMD_ENABLED": bool(environment["PEER_DOCUMENTS"]),
            "CIMD_METADATA_FETCHER": f"{__name__}.Documents",
            "DCR_ENABLED": True,
            "DCR_REGISTRATION_PERMISSION_CLASSES": ("oauth2_provider.dcr.AllowAllDCRPermission",),
            "OAUTH2_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED": ["client_secret_basic", "client_secret_post", "none"],
            "REFRESH_TOKEN_REUSE_PROTECTION": True,
            "SCOPES": {scope: scope for scope in environment["PEER_SCOPES"].split()},
            **{f"COMPLIANT_BCP_RFC9700_{rule}": True for rule in RULES},
        },
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],  # a slow one protects nobody here
        "ROOT_URLCONF": __name__,
        "SECRET_KEY": environment["PEER_SECRET"],
        "TEMPLATES": [_templates()],
        "USE_TZ": True,
    }


def _templates() -> dict[str, Any]:
    ours = ("django.template.loaders.locmem.Loader", {"registration/login.html": SIGN_IN})
    loaders = [ours, "django.template.loaders.app_directories.Loader"]
    return {"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": loaders}}


class Documents:
    """Fetch the metadata documents of clients. The package takes https alone: our own, which has no certificate, is found
    on loopback."""

    def fetch(self, client_id: str) -> tuple[dict[str, Any], int]:
        """Give the document, and for how many seconds it is good."""
        url = client_id.replace(os.environ["PEER_DOCUMENTS"], os.environ["PEER_DOCUMENTS_AT"], 1)
        if not url.startswith("http://127.0.0.1:"):
            raise import_module("oauth2_provider.cimd").CIMDError("this is no client of this machine")
        with urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback, as was just checked
            return dict(json.load(answer)), 300


def addresses() -> list[Any]:
    """Where things are: all of the package at the root, and a page to sign in."""
    urls, views = import_module("django.urls"), import_module("django.contrib.auth.views")
    return [urls.path("", urls.include("oauth2_provider.urls")), urls.path("sign-in", views.LoginView.as_view())]


def furnish(environment: Mapping[str, str]) -> None:
    """Make the tables, the account, and the client that may ask what a token is worth."""
    import_module("django.core.management").call_command("migrate", verbosity=0)
    people = import_module("django.contrib.auth").get_user_model()
    people.objects.create_user(environment["PEER_ACCOUNT"], password=PASSWORD)
    import_module("oauth2_provider.models").get_application_model().objects.create(
        client_id=environment["PEER_CLIENT"],
        client_secret=environment["PEER_SECRET"],
        client_type="confidential",
        authorization_grant_type="client-credentials",
    )


def main(environment: Mapping[str, str]) -> None:
    import_module("django.conf").settings.configure(**settings(environment))
    import_module("django").setup()
    furnish(environment)
    address = f"127.0.0.1:{environment['PEER_PORT']}"
    import_module("django.core.management").call_command("runserver", address, use_reloader=False, skip_checks=True)


def __getattr__(name: str) -> list[Any]:
    """Django reads `urlpatterns` of the module that the settings name."""
    if name == "urlpatterns":
        return addresses()
    raise AttributeError(name)


if __name__ == "__main__":
    main(os.environ)

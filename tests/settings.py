"""The fixed environment of the tests: nothing of the machine that they run on."""

from __future__ import annotations

from collections.abc import MutableMapping

_QUEUES = "https://sqs.us-east-1.amazonaws.com/123456789012"

SETTINGS = {
    "STRONGROOM_DEPLOYMENT": "test",
    "STRONGROOM_TABLE": "strongroom-test",
    "STRONGROOM_VAULT_KEY": "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000001",
    "STRONGROOM_PUBLIC_URL": "https://strongroom.example",
    "STRONGROOM_WEB_CLIENT_URL": "https://app.example/connections",
    "STRONGROOM_WEB_ORIGINS": "https://app.example",
    "STRONGROOM_ENDPOINT_ORIGINS": "https://id.example=https://oauth.example",
    "STRONGROOM_ISSUER": "https://sign-in.example",
    "STRONGROOM_SCOPE": "strongroom",
    "STRONGROOM_WEB_CLIENT_ID": "strongroom-web",
    "STRONGROOM_SIGN_IN_ORIGINS": "https://tokens.sign-in.example",
    "STRONGROOM_SIGN_IN_SCOPES": "",
    "STRONGROOM_SIGN_IN_PARAMETERS": "audience=strongroom-api",
    "STRONGROOM_SWEEP_QUEUE": f"{_QUEUES}/sweep",
    "STRONGROOM_RENEWAL_QUEUE": f"{_QUEUES}/renewal",
    "STRONGROOM_RESCUE_QUEUE": f"{_QUEUES}/rescue",
    "STRONGROOM_CHORE_QUEUE": f"{_QUEUES}/chore",
    "STRONGROOM_SHARDS": "4",
    "STRONGROOM_RENEW_AHEAD": "600",
    "STRONGROOM_SHORT_LIVED": "900",
    "STRONGROOM_IDLE_AFTER": "1209600",
    "STRONGROOM_EXERCISE_AFTER": "259200",
    "STRONGROOM_RESTORED_AT": "0",
    "STRONGROOM_LOG_LEVEL": "INFO",
}

AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}

_OURS = ("STRONGROOM_", "AWS_", "POWERTOOLS_", "LAMBDA_")
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})
_KEPT = frozenset({"STRONGROOM_NO_SKIP"})


def settle(environ: MutableMapping[str, str]) -> None:
    """Forget the machine's own settings, credentials and proxies, and set the tests'."""
    for name in list(environ):
        if (name.startswith(_OURS) or name.lower() in _PROXIES) and name not in _KEPT:
            del environ[name]
    environ.update(SETTINGS | AWS)

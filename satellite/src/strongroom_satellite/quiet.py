"""What libraries write to their debug logs, less what is secret: a session token, keys as they are fetched, headers."""

from __future__ import annotations

import logging
import re

_NAMES = (
    "x-amz-security-token|x-amz-sso_bearer_token|SecretAccessKey|ClientSecret"
    "|(?:Session|WebIdentity|Access|Refresh|Id)Token"
)
_TOKEN = re.compile(rf"((?:{_NAMES})['\"]?\s*[:=>]\s*b?['\"]?)[^\s'\",)}}<]+", re.IGNORECASE)
_LOGGERS = ("botocore.auth", "botocore.endpoint", "botocore.hooks", "botocore.awsrequest", "botocore.parsers")


class _Redacting(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _TOKEN.sub(r"\1***", record.getMessage()), None
        return True


_FILTER = _Redacting("redacts the session token")


class _Silent(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG


_SILENT = _Silent("leaves debugging out")


def about_headers() -> None:
    """Keep HTTP/2's encoder from logging each header with its value."""
    for name in ("hpack.hpack", "hpack.table"):
        logging.getLogger(name).addFilter(_SILENT)


def about_signatures() -> None:
    """Take the session token out of these logs; once is enough."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)

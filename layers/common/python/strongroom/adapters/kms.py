"""The key service, on AWS KMS. The client that is passed in bounds its own time and attempts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from strongroom.domain.errors import IntegrityError, KeysUnavailable, SettingsError
from strongroom.domain.sealing import KEY_BYTES
from strongroom.domain.secretbytes import SecretBytes

LARGEST_BLOB = 6144

_NOT_OURS = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
"""Answers about the blob; every other one is about the service, the key's state or our rights, and passes."""


class KmsClient(Protocol):
    """The two calls that are made of a botocore client."""

    def generate_data_key(self, **parameters: Any) -> Mapping[str, Any]: ...
    def decrypt(self, **parameters: Any) -> Mapping[str, Any]: ...


def _holds_no_answer(record: logging.LogRecord) -> bool:
    """Say whether a line of `botocore.parsers` may pass: at DEBUG it is a whole answer, and here answers are keys."""
    return record.levelno > logging.DEBUG


class Kms:
    """One KMS key, named by its ARN on every call: a blob of any other key is refused, whoever may use that key."""

    def __init__(self, client: KmsClient, key_arn: str) -> None:
        if not key_arn.startswith("arn:") or ":key/" not in key_arn:
            raise SettingsError("STRONGROOM_VAULT_KEY must be the ARN of a KMS key (arn:...:key/...), not an alias")
        logging.getLogger("botocore.parsers").addFilter(_holds_no_answer)
        self._client = client
        self._key_arn = key_arn

    def generate(self, context: Mapping[str, str]) -> tuple[bytes, bytes]:
        key, answer = self._ask(self._client.generate_data_key, context, NumberOfBytes=KEY_BYTES)
        return key.reveal(), bytes(answer["CiphertextBlob"])

    def decrypt(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        if not 1 <= len(blob) <= LARGEST_BLOB:
            raise IntegrityError("a wrapped vault key has an impossible size")
        key, _ = self._ask(self._client.decrypt, context, CiphertextBlob=blob)
        return key.reveal()

    def _ask(
        self, call: Callable[..., Mapping[str, Any]], context: Mapping[str, str], **parameters: Any
    ) -> tuple[SecretBytes, Mapping[str, Any]]:
        key, public = _answer(call, KeyId=self._key_arn, EncryptionContext=dict(context), **parameters)
        if public["KeyId"] != self._key_arn or len(key) != KEY_BYTES:
            raise IntegrityError("the key service answered with another key")
        return key, public


def _answer(call: Callable[..., Mapping[str, Any]], **parameters: Any) -> tuple[SecretBytes, Mapping[str, Any]]:
    """Call, and take the key out of the answer at once, so that no later trace can show it."""
    try:
        answer = dict(call(**parameters))
    except ClientError as error:
        if _code(error) in _NOT_OURS:
            raise IntegrityError("a wrapped vault key belongs to another key or context") from None
        raise _unavailable(_code(error)) from None
    except BotoCoreError as error:
        raise _unavailable(type(error).__name__) from None
    return SecretBytes(bytes(answer.pop("Plaintext"))), answer


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _unavailable(reason: str) -> KeysUnavailable:
    return KeysUnavailable(f"the key service does not answer as it should: {reason}", retry_after=1)

"""What both key services promise: the fake that the unit tests use, and AWS KMS as moto plays it."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.session import Session
from moto import mock_aws

from strongroom.adapters.kms import Kms
from strongroom.domain.errors import IntegrityError, KeysUnavailable, SettingsError
from strongroom.ports import KeyService
from tests.fakes.keys import FakeKeyService
from tests.requirements import requirement

REFUSED = (IntegrityError, KeysUnavailable)
"""For a blob that names another key AWS answers IncorrectKeyException, and moto AccessDeniedException, which AWS says
when we lack a right. Neither gives a key."""

CONTEXT = {"deployment": "acme-production", "purpose": "connection", "key_id": "AAAAAAAAAAAAAAAA"}
ARN = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"


@dataclass(frozen=True)
class Services:
    """Our key, and the key of somebody who may also use the key service."""

    ours: KeyService
    foreign: KeyService


def kms_client() -> Any:
    return Session().create_client("kms", region_name="us-east-1")


def new_key(client: Any) -> str:
    return str(client.create_key()["KeyMetadata"]["Arn"])


@pytest.fixture(params=["fake", "kms"])
def services(request: pytest.FixtureRequest) -> Iterator[Services]:
    if request.param == "fake":
        fake = FakeKeyService()
        yield Services(fake, fake.beside("foreign"))
        return
    with mock_aws():
        client = kms_client()
        yield Services(Kms(client, new_key(client)), Kms(client, new_key(client)))


def test_a_data_key_has_32_bytes_and_its_blob_opens_to_it(services: Services) -> None:
    key, blob = services.ours.generate(CONTEXT)

    assert len(key) == 32
    assert key not in blob
    assert services.ours.decrypt(blob, CONTEXT) == key


def test_every_data_key_is_another_one(services: Services) -> None:
    made = [services.ours.generate(CONTEXT) for _ in range(5)]

    assert len({key for key, _ in made}) == len({blob for _, blob in made}) == 5


def test_the_order_of_the_context_does_not_matter(services: Services) -> None:
    key, blob = services.ours.generate(CONTEXT)

    assert services.ours.decrypt(blob, dict(reversed(CONTEXT.items()))) == key


@requirement("attack:C8")
@pytest.mark.parametrize(
    "other",
    [
        CONTEXT | {"deployment": "acme-staging"},
        CONTEXT | {"purpose": "installation"},
        CONTEXT | {"key_id": "BBBBBBBBBBBBBBBB"},
        CONTEXT | {"more": "x"},
        {name: value for name, value in CONTEXT.items() if name != "purpose"},
        {},
    ],
)
def test_a_blob_does_not_open_under_another_context(services: Services, other: dict[str, str]) -> None:
    _, blob = services.ours.generate(CONTEXT)

    with pytest.raises(IntegrityError):
        services.ours.decrypt(blob, other)


@requirement("attack:C8")
def test_a_blob_of_another_key_is_refused_although_the_service_could_open_it(services: Services) -> None:
    _, blob = services.foreign.generate(CONTEXT)

    assert services.foreign.decrypt(blob, CONTEXT)
    with pytest.raises(REFUSED):
        services.ours.decrypt(blob, CONTEXT)


@mock_aws
@requirement("attack:C8")
def test_without_naming_the_key_the_blob_of_another_key_would_open() -> None:
    """Negative control: what naming the key on Decrypt prevents."""
    client = kms_client()
    new_key(client)
    planted, blob = Kms(client, new_key(client)).generate(CONTEXT)

    assert client.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)["Plaintext"] == planted


@pytest.mark.parametrize("size", [0, 1, 15, 60, 7000])
def test_a_blob_of_a_wrong_size_is_refused(services: Services, size: int) -> None:
    _, blob = services.ours.generate(CONTEXT)

    with pytest.raises(IntegrityError):
        services.ours.decrypt((blob * 100)[:size], CONTEXT)


def test_a_changed_blob_is_refused_at_every_byte(services: Services) -> None:
    _, blob = services.ours.generate(CONTEXT)

    for position in range(len(blob)):
        changed = blob[:position] + bytes((blob[position] ^ 1,)) + blob[position + 1 :]
        with pytest.raises(REFUSED):
            services.ours.decrypt(changed, CONTEXT)


@mock_aws
@requirement("attack:C8")
def test_every_request_names_our_key_and_the_whole_context() -> None:
    client = kms_client()
    arn, sent = new_key(client), []
    for operation in ("GenerateDataKey", "Decrypt"):
        client.meta.events.register(
            f"before-parameter-build.kms.{operation}", lambda params, **_: sent.append(dict(params))
        )
    service = Kms(client, arn)

    service.decrypt(service.generate(CONTEXT)[1], CONTEXT)

    assert [(params["KeyId"], params["EncryptionContext"]) for params in sent] == [(arn, CONTEXT)] * 2


class AnsweringClient:
    """A KMS client that gives one answer to everything."""

    def __init__(self, answer: Mapping[str, Any] | Exception) -> None:
        self._answer = answer

    def generate_data_key(self, **parameters: Any) -> Mapping[str, Any]:
        return self.decrypt(**parameters)

    def decrypt(self, **parameters: Any) -> Mapping[str, Any]:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "words of the service"}}, "Decrypt")


PASSING = [
    *map(
        refusal,
        [
            "ThrottlingException",
            "DependencyTimeoutException",
            "KMSInternalException",
            "DisabledException",
            "KMSInvalidStateException",
            "KeyUnavailableException",
            "NotFoundException",
            "AccessDeniedException",
            "ExpiredTokenException",
            "SomethingNew",
        ],
    ),
    EndpointConnectionError(endpoint_url="https://kms.example"),
    ConnectTimeoutError(endpoint_url="https://kms.example"),
    ReadTimeoutError(endpoint_url="https://kms.example"),
]


@pytest.mark.parametrize("error", PASSING, ids=str)
def test_a_fault_of_the_service_or_a_lack_of_rights_is_passing(error: Exception) -> None:
    service = Kms(AnsweringClient(error), ARN)

    for ask in (lambda: service.decrypt(b"blob", CONTEXT), lambda: service.generate(CONTEXT)):
        with pytest.raises(KeysUnavailable) as caught:
            ask()
        assert "words of the service" not in str(caught.value)


@requirement("attack:C8")
@pytest.mark.parametrize("code", ["IncorrectKeyException", "InvalidCiphertextException"])
def test_what_the_service_says_about_the_blob_is_no_passing_fault(code: str) -> None:
    with pytest.raises(IntegrityError):
        Kms(AnsweringClient(refusal(code)), ARN).decrypt(b"blob", CONTEXT)


@pytest.mark.parametrize("size", [0, 6145])
def test_a_size_that_the_service_would_call_invalid_is_no_passing_fault(size: int) -> None:
    with pytest.raises(IntegrityError):
        Kms(AnsweringClient(refusal("ValidationException")), ARN).decrypt(b"x" * size, CONTEXT)


def test_a_disabled_key_is_passing_with_the_fake_too() -> None:
    service = FakeKeyService()
    _, blob = service.generate(CONTEXT)
    service.disabled = True

    for ask in (lambda: service.decrypt(blob, CONTEXT), lambda: service.generate(CONTEXT)):
        with pytest.raises(KeysUnavailable):
            ask()


@requirement("attack:C8")
@pytest.mark.parametrize(
    "answer", [{"KeyId": ARN[:-1] + "6", "Plaintext": b"k" * 32}, {"KeyId": ARN, "Plaintext": b"k"}]
)
def test_an_answer_that_speaks_of_another_key_is_refused(answer: dict[str, Any]) -> None:
    """A stand-in was seen to ignore the key that Decrypt names."""
    with pytest.raises(IntegrityError):
        Kms(AnsweringClient(answer), ARN).decrypt(b"blob", CONTEXT)


@pytest.mark.parametrize("name", ["", "alias/vault", "arn:aws:kms:us-east-1:123456789012:alias/vault", "1111-2222"])
def test_only_the_arn_of_a_key_names_a_key(name: str) -> None:
    with pytest.raises(SettingsError, match="STRONGROOM_VAULT_KEY"):
        Kms(AnsweringClient({}), name)


def everything_logged(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records)


@mock_aws
@requirement("attack:C11")
def test_keys_stay_out_of_the_log_even_when_everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="botocore")  # our session raises it for the whole process
    client = kms_client()
    arn = new_key(client)
    parsers = logging.getLogger("botocore.parsers")
    parsers.filters.clear()
    answer = client.generate_data_key(KeyId=arn, NumberOfBytes=32, EncryptionContext=CONTEXT)
    shown = _plaintext_in(everything_logged(caplog), answer["Plaintext"])
    caplog.clear()

    key, blob = Kms(client, arn).generate(CONTEXT)
    Kms(client, arn).decrypt(blob, CONTEXT)

    assert shown, "negative control: botocore writes keys at DEBUG"
    assert caplog.records
    assert not _plaintext_in(everything_logged(caplog), key)


def _plaintext_in(log: str, key: bytes) -> bool:
    return base64.b64encode(key).decode() in log or repr(key) in log or key.hex() in log

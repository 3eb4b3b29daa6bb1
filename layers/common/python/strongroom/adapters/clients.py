"""AWS clients on bare botocore: short patience, no hidden repetition, no credentials before the first request.

`AWS_ENDPOINT_URL` and its kin are honoured as botocore does it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials, create_credential_resolver
from botocore.exceptions import NoCredentialsError
from botocore.parsers import JSONParser, ResponseParserFactory
from botocore.session import Session

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_kms import KMSClient
    from types_boto3_sqs import SQSClient

CONNECT_WITHIN = 1.0
READ_WITHIN = 2.0
KMS_READ_WITHIN = 1.0
"""People wait for this one with nothing to fall back on: two attempts end within three seconds."""
THREADS = 64
"""How many requests one worker has in flight at most; a smaller pool would throw connections away."""


def open_session(find: Callable[[], Any] | None = None) -> Session:
    """Make the session that all clients of one process share, and with it one set of credentials.

    `find` gives botocore's credentials or None; left out, botocore's own chain of places does.
    """
    # Below INFO, botocore logs what it sends and receives: credentials, and keys in clear.
    logging.getLogger("botocore").setLevel(logging.INFO)
    session = Session()
    chain = find or (lambda: create_credential_resolver(session).load_credentials())
    session.register_component("credential_provider", _LateResolver(chain))
    session.register_component("response_parser_factory", _Parsers())
    return session


def dynamodb(session: Session) -> DynamoDBClient:
    """Make the client for `DynamoTable`, which does its own repeating."""
    return cast("DynamoDBClient", _client(session, "dynamodb", attempts=1))


def sqs(session: Session) -> SQSClient:
    """Make the client for `SqsQueue`, which does its own repeating."""
    return cast("SQSClient", _client(session, "sqs", attempts=1))


def kms(session: Session) -> KMSClient:
    """Make the client for data keys. Asking twice does no harm: an unused data key is only forgotten."""
    return cast("KMSClient", _client(session, "kms", attempts=2, read=KMS_READ_WITHIN))


def _client(session: Session, service: str, attempts: int, read: float = READ_WITHIN) -> Any:
    config = Config(
        connect_timeout=CONNECT_WITHIN,
        read_timeout=read,
        max_pool_connections=THREADS,
        retries={"mode": "standard", "total_max_attempts": attempts},
        tcp_keepalive=True,
    )
    return session.create_client(service, config=config)


class _LateCredentials:
    """Look for credentials when the first request is signed.

    botocore looks when a client is made. Clients are made in the init phase, where under SnapStart nothing secret may
    exist and the place to ask may not answer yet.
    """

    method = "late"

    def __init__(self, find: Callable[[], Any]) -> None:
        self._find = find
        self._found: Any = None
        self._lock = threading.Lock()

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return cast(ReadOnlyCredentials, self._load().get_frozen_credentials())

    def get_deferred_property(self, name: str) -> Callable[[], Any]:
        return lambda: self._load().get_deferred_property(name)()

    def _load(self) -> Any:
        with self._lock:
            if self._found is None:
                self._found = self._find()
            if self._found is None:
                raise NoCredentialsError
            return self._found


class _LateResolver:
    def __init__(self, find: Callable[[], Any]) -> None:
        self._find = find

    def load_credentials(self) -> _LateCredentials:
        return _LateCredentials(self._find)


class AttributesAsSent(JSONParser):
    """Leave DynamoDB's attribute values as they were sent: `dynamo_values` reads them, once.

    botocore tries each of the ten kinds on each value, which took a quarter of the CPU of a look-up. Should another
    version of botocore not ask this class, its values are read as well, only slower.
    """

    def _handle_map(self, shape: Any, value: Any, *more: Any) -> Any:
        kind = getattr(getattr(shape, "value", None), "name", None)
        return value if kind == "AttributeValue" else super()._handle_map(shape, value, *more)  # type: ignore[misc]


class _Parsers(ResponseParserFactory):
    def create_parser(self, protocol_name: str) -> Any:
        return AttributesAsSent() if protocol_name == "json" else super().create_parser(protocol_name)

"""What the flows ask of the outside world. Fakes and adapters pass the same contract tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from strongroom.domain.http import Answer, Outgoing
from strongroom.domain.policy import Policy
from strongroom.domain.sealing import Place, Purpose, TeamKeys
from strongroom.domain.secret import Secret
from strongroom.domain.table import Commit, Item, Key, Page, Query, Write

if TYPE_CHECKING:  # a look-up has no use for these, and a cold one waits for every import
    from strongroom.domain.catalog import CatalogEntry
    from strongroom.domain.client_authentication import PublicKey


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch."""

    def wait(self, seconds: float) -> None:
        """Do nothing for a while."""


class Chance(Protocol):
    def bytes(self, length: int) -> bytes:
        """Fresh bytes that nobody can predict."""


class Table(Protocol):
    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        """Read up to 100 rows consistently; a key that is missing from the answer has no row.

        Raises:
            StoreUnavailable: If not every key was answered. It never means "missing".
        """

    def query(self, query: Query) -> Page:
        """Read one page of one partition.

        Raises:
            StoreUnavailable: If the table does not answer.
        """

    def commit(self, writes: Sequence[Write], mark: str) -> Commit:
        """Do all of the writes or none. One write is a plain conditional write, several are a transaction.

        `mark` (1 to 36 characters, fresh for each intent) makes a repetition harmless: the same writes committed twice
        with the same mark are committed once, and both answers are `Committed`. A `Put` or `Change` of a single write
        leaves the mark in the row's attribute `mark`. A conflict with another transaction is tried again, never
        reported as `Refused`.

        Raises:
            StoreUnavailable: If the outcome is not known. Repeat with the same mark, or read.
        """


@dataclass(frozen=True, slots=True)
class Message:
    """One message: a small JSON text, the group for fairness (None: no group) and seconds until it can be seen."""

    body: str
    group: str | None = None
    delay: int = 0


class Queue(Protocol):
    def send(self, messages: Sequence[Message]) -> None:
        """Put all of them on the queue, in as few calls as possible.

        Raises:
            QueueUnavailable: If at least one was not taken. Others may have been: consumers are idempotent.
        """

    def postpone(self, receipt: str, seconds: int) -> None:
        """Hide a received message for so many seconds from now.

        Raises:
            QueueUnavailable: If the queue does not answer.
        """


class KeyService(Protocol):
    def generate(self, context: Mapping[str, str]) -> tuple[bytes, bytes]:
        """Make a data key of 32 bytes: the key itself, and the blob that only the key service can open.

        Raises:
            KeysUnavailable: If the service does not answer or the key is disabled.
        """

    def decrypt(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        """Open a blob with our own key and exactly this context.

        Raises:
            KeysUnavailable: If the service does not answer or the key is disabled.
            IntegrityError: If the blob belongs to another key or context.
        """


class Line(Protocol):
    def send(self, request: Outgoing) -> Answer:
        """Send one request over the connection that is already open."""


class Egress(Protocol):
    """All requests to addresses that people or providers chose."""

    def send(self, request: Outgoing) -> Answer:
        """Resolve, check, connect, send, read: within the request's own limits.

        Raises:
            EgressRefused: If the URL or an address behind its name is not allowed. Nothing was sent.
        """

    def dial(self, url: str, within: float) -> AbstractContextManager[Line]:
        """Open a connection to the URL's origin (name resolution, address check, TLS) and hold it ready.

        Raises:
            EgressRefused: If the URL or an address behind its name is not allowed.
            ProviderFailed: If no connection could be made within so many seconds. Nothing was sent.
        """


class Signer(Protocol):
    """Signatures by which we are a provider's client: ES256 (RFC 7518 §3.4)."""

    def make(self, seed: bytes) -> tuple[Secret, PublicKey]:
        """Make a key pair of 40 fresh bytes."""

    def sign(self, key: Secret, text: bytes) -> bytes:
        """Sign a text with a key that `make` has made."""


class ProviderCatalog(Protocol):
    """What is odd about known providers."""

    def entry(self, issuer: str, token_endpoint: str) -> CatalogEntry:
        """Find a provider by its exact issuer, or else by the origin of its token endpoint; `STRICT` if it is not listed."""

    def of_issuer(self, issuer: str) -> CatalogEntry:
        """Find a provider before its endpoints are known."""

    def knows_pair(self, issuer: str, *endpoints: str) -> bool:
        """Whether these belong to one provider although they share no origin."""


class Journal(Protocol):
    """Structured lines and metrics. Values are ids, codes and numbers: never a secret, never a provider's text."""

    def about(self, request_id: str) -> None:
        """Let every line name the request that is answered from now on: an environment answers one at a time."""

    def note(self, event: str, **fields: str | int | float | bool | None) -> None:
        """Write one line now."""

    def alarm(self, event: str, **fields: str | int | float | bool | None) -> None:
        """Write one line now that somebody should wake up for; also counted."""

    def count(self, metric: str, amount: int = 1) -> None:
        """Add to a metric."""


class Ring(Protocol):
    """The keys of one purpose (and team), at hand: sealing and opening are computation only."""

    def seal(self, secret: Secret, place: Place) -> bytes: ...

    def open(self, sealed: bytes, place: Place) -> Secret:
        """Open what was sealed to exactly this place.

        Raises:
            IntegrityError: If it was sealed elsewhere, or was changed.
            KeysUnavailable: If it names an older key, which cannot be had just now.
        """


class Vault(Protocol):
    def ring(self, purpose: Purpose, team: TeamKeys | None) -> Ring:
        """Fetch the keys to open; of one team, or of none for authorizations.

        Raises:
            KeysUnavailable: If a key cannot be had just now.
        """

    def sealing_ring(self, purpose: Purpose, team: TeamKeys | None) -> Ring:
        """Fetch the keys to seal and open, and make them if there are none yet.

        Raises:
            KeysUnavailable: If a key cannot be had just now.
        """


@dataclass(frozen=True, slots=True)
class Queues:
    sweep: Queue
    renewal: Queue
    rescue: Queue
    chore: Queue


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that a flow may touch."""

    table: Table
    vault: Vault
    egress: Egress
    signer: Signer
    catalog: ProviderCatalog
    queues: Queues
    clock: Clock
    chance: Chance
    journal: Journal
    policy: Policy

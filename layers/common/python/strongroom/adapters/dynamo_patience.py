"""What a fault of DynamoDB means, and how often and how long we ask again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from strongroom.domain.errors import StoreUnavailable
from strongroom.ports import Chance, Clock

T = TypeVar("T")

ATTEMPTS = 5
WITHIN = 4.0
"""Seconds after which no further attempt begins."""
FIRST_WAIT = 0.05
LONGEST_WAIT = 1.0
COME_AGAIN = 1
"""Seconds after which whoever asked us may ask again."""

PASSING_CODES = frozenset(
    {
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
PASSING_REASONS = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})
OUR_MISTAKES = frozenset(
    {"IdempotentParameterMismatchException", "SerializationException", "ValidationError", "ValidationException"}
)


class Unprocessed(Exception):
    """A batch was answered in part."""


def code_of(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def reasons_of(error: ClientError) -> Sequence[dict[str, Any]]:
    """Give a cancelled transaction's reasons, one for each write in order."""
    return cast("Sequence[dict[str, Any]]", error.response.get("CancellationReasons", []))


def is_passing(error: Exception) -> bool:
    """Say whether the same request may do better in a moment: busy, in conflict, or nobody knows what became of it."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or code_of(error) in PASSING_CODES or _is_passing_cancellation(error)
    return isinstance(error, Unprocessed | ConnectionError | HTTPClientError | ResponseParserError)


def _is_passing_cancellation(error: ClientError) -> bool:
    codes = _reason_codes(error)
    return bool(codes) and codes <= PASSING_REASONS


def _reason_codes(error: ClientError) -> set[str]:
    return {reason.get("Code", "None") for reason in reasons_of(error)} - {"None"}


class Patience:
    """Ask DynamoDB, and ask again with jitter while the fault may pass.

    The SDK's own retries are off: they would hide how often a write was sent, and sleep by a clock of their own.
    """

    def __init__(self, clock: Clock, chance: Chance) -> None:
        self._clock = clock
        self._chance = chance

    def ask(self, request: Callable[[], T]) -> T:
        """Give the answer to a request that may be repeated.

        Raises:
            StoreUnavailable: If a passing fault did not pass, or the table refuses to be used.
            ValueError: If DynamoDB says that the request makes no sense: a mistake in a caller.
        """
        begun = self._clock.now()
        for attempt in range(ATTEMPTS):
            try:
                return request()
            except (ClientError, BotoCoreError, ResponseParserError, Unprocessed) as error:
                if not is_passing(error):
                    raise _final(error) from error
                if attempt + 1 == ATTEMPTS or self._clock.now() - begun > WITHIN:
                    why = f"no answer after {attempt + 1} attempts: {_name(error)}"
                    raise StoreUnavailable(why, retry_after=COME_AGAIN) from error
            self._clock.wait(self._pause(attempt))
        raise AssertionError("the last attempt answers or raises")

    def _pause(self, attempt: int) -> float:
        """Draw a wait between nothing and a bound that doubles, so that rivals do not meet again."""
        bound = min(LONGEST_WAIT, FIRST_WAIT * 2.0**attempt)
        fraction = int.from_bytes(self._chance.bytes(4), "big") / 2**32
        return fraction * bound


def _final(error: Exception) -> Exception:
    """Translate what no repetition will heal.

    What is forbidden or not there (a wrong policy, a table that is gone) is not a mistake in the request: whoever has
    something precious to write must treat it as an outage.
    """
    if isinstance(error, ParamValidationError):
        return ValueError("the request is not of DynamoDB's form")
    if isinstance(error, ClientError) and ({code_of(error)} | _reason_codes(error)) & OUR_MISTAKES:
        return ValueError(f"DynamoDB does not accept this request: {code_of(error)}")
    return StoreUnavailable(f"the table cannot be used: {_name(error)}", retry_after=COME_AGAIN)


def _name(error: Exception) -> str:
    return code_of(error) if isinstance(error, ClientError) else type(error).__name__

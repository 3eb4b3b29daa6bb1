"""Reading the few fields of a small body by hand, where loading a validator would cost more than the work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from strongroom.domain.errors import InvalidRequest
from strongroom.domain.identifiers import checked_user, is_version

Choice = TypeVar("Choice", str, int)


class Fields:
    """A body's members; each is asked for once, and what nobody asked for is refused.

    All methods raise InvalidRequest when a member is missing or of another form. A message names the member, never its
    value.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._left = dict(body)

    def user(self, name: str) -> str:
        return checked_user(self._left.pop(name, None))

    def optional_text(self, name: str, *, longest: int) -> str | None:
        value = self._left.pop(name, None)
        if value is not None and (not isinstance(value, str) or not 1 <= len(value) <= longest):
            raise InvalidRequest(f"{name} is a text of 1 to {longest} characters")
        return value

    def text(self, name: str, *, longest: int) -> str:
        value = self.optional_text(name, longest=longest)
        if value is None:
            raise InvalidRequest(f"{name} is missing")
        return value

    def number(self, name: str, usual: int) -> int:
        value = self._left.pop(name, None)
        if value is None:
            return usual
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidRequest(f"{name} is a whole number")
        return value

    def one_of(self, name: str, choices: tuple[Choice, ...]) -> Choice:
        value = self._left.pop(name, None)
        chosen = next((one for one in choices if type(one) is type(value) and one == value), None)
        if chosen is None:
            raise InvalidRequest(f"{name} is one of {', '.join(map(str, choices))}")
        return chosen

    def version(self, name: str) -> str | None:
        value = self._left.pop(name, None)
        if value is not None and not is_version(value):
            raise InvalidRequest(f"{name} is a version that we gave out")
        return str(value) if value is not None else None

    def required_version(self, name: str) -> str:
        value = self.version(name)
        if value is None:
            raise InvalidRequest(f"{name} is missing")
        return value

    def part(self, name: str) -> Fields | None:
        """Give the members of an object within the body, to be read in the same way; None if it is not there."""
        value = self._left.pop(name, None)
        if value is not None and not isinstance(value, dict):
            raise InvalidRequest(f"{name} is an object")
        return Fields(value) if value is not None else None

    def nothing_else(self) -> None:
        if self._left:
            raise InvalidRequest("the body has a member that does not belong there", code="unknown_field")

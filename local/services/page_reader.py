"""Read the forms of a page as a browser does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin


@dataclass(slots=True)
class Form:
    """A form: where it goes, what its inputs hold, and its submit buttons as (name, value)."""

    action: str
    method: str
    inputs: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def filled(self, typed: Mapping[str, str], button: tuple[str, str] | None = None) -> dict[str, str]:
        """Give what is sent when a person types this and presses that button.

        Raises:
            LookupError: If the page has no such field or button.
        """
        if unknown := set(typed) - set(self.inputs):
            raise LookupError(f"the form has no field {sorted(unknown)}")
        if button is not None and button not in self.buttons:
            raise LookupError(f"the form has no button {button}")
        return {**self.inputs, **typed, **(dict([button]) if button else {})}


class _Reader(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.address, self.forms, self._inside = address, list[Form](), False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = urljoin(self.address, given.get("action", ""))
            self.forms.append(Form(action, given.get("method", "get").lower()))
            self._inside = True
        elif self._inside and tag == "input" and given.get("name"):
            self.forms[-1].inputs[given["name"]] = given.get("value", "")
        elif self._inside and tag == "button" and given.get("type", "submit") == "submit":
            self.forms[-1].buttons.append((given.get("name", ""), given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


def forms_of(html: str, address: str) -> list[Form]:
    """Find the forms of the page at this address."""
    reader = _Reader(address)
    reader.feed(html)
    reader.close()
    return reader.forms

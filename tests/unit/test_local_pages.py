"""The pages of the local services escape what they show, and the demo's browser reads them as a real one does."""

import pytest

from local.services.page_reader import forms_of
from local.services.pages import document, field, hidden, sign_in_page, tag
from local.services.provider_clients import Client
from local.services.provider_ledger import Request
from local.services.provider_pages import consent_page

SCRIPT = '"><script>alert(1)</script>'


def _request(name: str) -> Request:
    client = Client("files-1", name, ("https://app.example/cb",), "none", ("authorization_code",), 0)
    return Request(client, "https://app.example/cb", "s", ("files:read", SCRIPT), "c" * 43, SCRIPT)


def test_text_and_attributes_are_escaped() -> None:
    assert tag("p", SCRIPT) == "<p>&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;</p>"
    assert "<script" not in hidden("request", SCRIPT)


def test_what_tag_built_is_not_escaped_again() -> None:
    assert tag("p", tag("b", "&")) == "<p><b>&amp;</b></p>"


def test_attribute_names_may_be_words_of_python() -> None:
    assert tag("p", class_="a", aria_label="b") == '<p class="a" aria-label="b"></p>'


def test_a_client_cannot_write_markup_into_the_consent_page() -> None:
    page = bytes(consent_page(_request(SCRIPT), "alice", "r1").body).decode()

    assert "<script" not in page
    assert "app.example" in page


def test_every_page_forbids_frames_scripts_caches_and_referers() -> None:
    headers = sign_in_page("Somewhere", "r1").headers

    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers["referrer-policy"], headers["cache-control"]) == ("no-referrer", "no-store")


def test_a_form_is_read_with_its_fields_and_buttons() -> None:
    button = tag("button", "Go", name="decision", value="allow")
    page = document(
        "T", tag("form", hidden("request", "a&b"), field("Name", "name"), button, action="/go", method="post")
    )

    (form,) = forms_of(page, "http://127.0.0.1:1/here?x=1")

    assert (form.action, form.method) == ("http://127.0.0.1:1/go", "post")
    assert form.filled({"name": "n"}, ("decision", "allow")) == {"request": "a&b", "name": "n", "decision": "allow"}


def test_a_browser_cannot_fill_or_press_what_is_not_there() -> None:
    (form,) = forms_of("<form><input name=a><button>Go</button></form>", "http://127.0.0.1:1/")

    with pytest.raises(LookupError):
        form.filled({"b": "1"})
    with pytest.raises(LookupError):
        form.filled({}, ("decision", "allow"))

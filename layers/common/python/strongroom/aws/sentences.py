"""What an error code means to the person who gets it, in one sentence. Loaded by the first refusal that needs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "not_an_access_token": "This is an ID token: send an access token for this API.",
    "admin_required": "Only an admin of the team may do this.",
    "not_a_role": "Sign with the credentials of an IAM role.",
    "unknown_caller": "Nobody has registered this IAM role for the team.",
    "authorization_over": "This authorization has ended: begin again.",
    "authorization_ended": "This authorization ended while it was being finished: begin again.",
    "no_longer_member": "You are no member of the team any more.",
    "no_longer_admin": "This server is shared, and you are no admin of the team any more.",
    "disabled_meanwhile": "The installation was disabled meanwhile, or its scopes were changed: begin again.",
    "installation_changed": "The installation was changed meanwhile: begin again.",
    "revoked_meanwhile": "The connection was revoked meanwhile: begin again if you still want it.",
    "newer_grant": "Another authorization of this connection was finished first.",
    "not_kept": "The tokens could not be stored: begin again.",
    "name_taken": "The team has an installation of this name already.",
    "no_client_secret": "No client secret was entered for this installation.",
    "rotated_meanwhile": "Somebody else has just entered another secret: find out which one the provider takes.",
    "draft_used": "A client was entered under this draft already: probe again, and register its callback URL.",
    "too_many_installations": "The team has as many installations as it may have: remove one.",
    "idempotency_key_reused": "Another request was sent under this idempotency key: use a new one.",
    "no_oauth_needed": "This server needs no OAuth: there is nothing to connect.",
    "too_many_satellites": "The team has as many satellites as it may have: take one off the list.",
    "installation_disabled": "The installation is disabled.",
    "header_refused": "A header that the installation injects may not be set: an admin has to change it.",
    "environment_refused": "A variable that the installation injects may not be set: an admin has to change it.",
    "template_refused": "What the installation injects does not fit its token: an admin has to change it.",
    "still_pending": "The provider has not answered yet.",
    "being_finished": "Another request is finishing this authorization.",
    "confirmation_required": "The whole team will use this account: send `confirm_shared` if that is meant.",
    "registration_unavailable": "The provider did not register us just now: try again.",
    "exchange_failed": "The provider gave no tokens for the code: begin again.",
    "client_rejected": "The provider does not take our client: its id, secret or method of authentication is wrong there.",
}

// Every sentence about what the API answers. docs/errors.md says what the codes mean. A code that is not here is shown
// with the API's own sentence.
import { Refused, Unreachable } from "./strongroom-api.js";
import { inWords } from "./strongroom-dates.js";

export const AGAIN = "Connect again if you still want to.";
export const OFTEN = "If it happens again, tell an admin of your team.";
const LATER = "Try again in a moment.";
const SERVERS = "Nobody can connect until that is mended: tell an admin of your team, or whoever runs the server.";
const PROVIDERS = "Nobody can connect until that is mended: tell an admin of your team, who can tell the provider.";
const ADMINS = "An admin of your team has to mend that: tell one.";
const REPORT = "Tell whoever runs Strongroom.";
const MEND = "Correct it, and try again.";
const FORM = "What was sent is not of a form that Strongroom takes.";

export const CODES = {
  // Finishing
  authorization_refused: `It was not finished in the browser that consented, so nothing was connected. ${AGAIN}`,
  authorization_over: `It had ended already, so nothing was connected. ${AGAIN}`,
  authorization_ended: `It was ended while it was being finished, so nothing was connected. ${AGAIN}`,
  no_longer_member: "You are not in the team any more, so nothing was connected. Ask an admin of the team.",
  no_longer_admin: "It is shared, and you are no admin any more, so nothing was connected. Ask an admin of the team.",
  disabled_meanwhile:
    "An admin has disabled the server or changed its scopes meanwhile, so nothing was connected. " +
    "Connect again, once it is enabled.",
  installation_changed: `An admin has changed the server meanwhile, so nothing was connected. ${AGAIN}`,
  revoked_meanwhile: `The connection was revoked meanwhile, so nothing was connected. ${AGAIN}`,
  newer_grant: "You are connected: by a later consent, which was finished first.",
  not_kept: `What the provider gave could not be stored, so nothing was connected. ${AGAIN}`,
  exchange_failed: `You consented, but then the provider gave no token, so nothing was connected. ${AGAIN}`,
  client_rejected:
    `You consented, but the provider does not take Strongroom's client, so nothing was connected. ${AGAIN} ${OFTEN}`,
  still_pending: "The provider has not answered yet. Go on in its window.",
  being_finished: "It is being finished just now, by another window. Wait a moment.",
  confirmation_required: "It is shared: somebody has to confirm that the whole team will use the account.",

  // Beginning, and the rest
  invalid_request: `${FORM} ${MEND}`,
  unknown_field: `${FORM} ${MEND}`,
  body_too_long: "What was sent is too long.",
  return_to_refused: "This page is none that Strongroom may send people back to. Tell whoever made it.",
  unauthenticated: "Nobody is signed in. Sign in again.",
  not_an_access_token: "The sign-in gave a token that is not for Strongroom. Tell whoever runs this page.",
  forbidden: "You may not do this.",
  admin_required: "Only an admin of the team may do this: ask one.",
  not_found: "There is no such thing here, or it belongs to somebody else.",
  conflict: "That does not fit any more: something has changed meanwhile. Look, and try again.",
  changed_meanwhile: "Somebody has changed it meanwhile, so nothing was done. Look at it again, and decide again.",
  installation_disabled: "An admin has disabled the server, so nobody can connect. Ask an admin of your team.",
  no_oauth_needed: "The server needs no OAuth, so there is nothing to connect or revoke.",
  too_many_requests: "That was too much at once, so nothing was done.",
  unavailable: "A part that Strongroom relies on does not answer just now. Nobody has to consent again for that.",
  internal_error: `Something went wrong in Strongroom. ${REPORT}`,
  integrity_error: `Something that Strongroom has stored cannot be read. ${REPORT}`,
  provider_failed: `The provider gave no usable answer. ${LATER}`,
  registration_unavailable: `The provider did not register Strongroom just now. ${LATER}`,

  // What keeps a server from being connected
  address_refused: `The address may not be called. ${ADMINS}`,
  discovery_failed: `The server does not follow the rules. ${SERVERS}`,
  mcp_server_unusable: "The server gave no useful answer. Try again in a while; if it stays so, tell an admin.",
  mcp_url_refused: `The server's address is not of a form that may be called. ${ADMINS}`,
  oauth_not_required: "The server answers without a token just now, so there is nothing to connect.",
  discovery_too_long: "The server and its provider took too long to say how to connect. Try again in a while.",
  resource_metadata_missing: `The server does not say who gives tokens for it. ${SERVERS}`,
  resource_metadata_unavailable: "The server cannot say just now who gives tokens for it. Try again in a while.",
  resource_metadata_unreadable: `What the server says of who gives tokens for it cannot be read. ${SERVERS}`,
  resource_mismatch: `The server describes itself under another address than its own. ${SERVERS}`,
  authorization_server_missing: `The server names nobody who gives tokens for it and may be called. ${SERVERS}`,
  server_metadata_missing: `The provider does not describe itself. ${PROVIDERS}`,
  server_metadata_unavailable: "The provider cannot describe itself just now. Try again in a while.",
  server_metadata_unreadable: `What the provider says of itself cannot be read. ${PROVIDERS}`,
  issuer_refused: `The provider's address may not be called. ${PROVIDERS}`,
  issuer_mismatch: `The provider describes itself as somebody else. ${PROVIDERS}`,
  pkce_unsupported: `The provider does not say that it protects codes with PKCE. ${ADMINS}`,
  authorization_endpoint_refused: `People may not be sent to the address of the provider's page. ${PROVIDERS}`,
  token_endpoint_refused: `The provider's address for tokens may not be called. ${PROVIDERS}`,
  registration_endpoint_refused: `The provider's address for registering may not be called. ${PROVIDERS}`,
  revocation_endpoint_refused: `The provider's address for revoking may not be called. ${PROVIDERS}`,
  endpoint_off_issuer: `The provider has tokens fetched elsewhere, and nobody vouches for that. ${PROVIDERS}`,
  client_authentication_unsupported: `The provider wants Strongroom to prove itself as it cannot. ${PROVIDERS}`,
  client_of_another_issuer: `The client that an admin has entered belongs to another provider. ${ADMINS}`,
  registration_unsupported: `The provider registers nobody by itself: an admin has to enter a client. ${ADMINS}`,
  registration_refused: `The provider refused to register Strongroom. ${PROVIDERS}`,
  registration_unusable: `The provider's answer to registering Strongroom cannot be used. ${PROVIDERS}`,
  redirect_uri_rejected: `The provider does not take the address that it would send you back to. ${PROVIDERS}`,

  // For admins
  parameter_refused: `OAuth itself uses that parameter, or it is about scopes, which are entered as scopes. ${MEND}`,
  header_refused: `That header may not be set, or its value is no line of visible text. ${MEND}`,
  environment_refused: `That environment variable may not be set, or its value is no line of visible text. ${MEND}`,
  template_refused: `A value looks like a template other than {access_token}, or the token has nowhere to go. ${MEND}`,
  name_taken: "The team has a server of this name already. Choose another.",
  draft_used: "A client was entered for this callback URL already. Test again, and register the new callback URL.",
  too_many_installations: "The team has 200 servers, which is the most. Uninstall one first.",
  idempotency_key_reused: "Something else was sent with this very request before. Reload the page, and try again.",
  no_client_secret: "No client with a secret was entered for this server. Enter a provider by hand first.",
  rotated_meanwhile:
    "Somebody else has just entered another client secret, so yours was not kept. Find out which the provider takes.",
};

const TOO_LONG = "Strongroom took too long to answer, and whether anything has happened is not known.";
const STATUSES = {
  401: CODES.unauthenticated,
  403: "Your sign-in does not permit this. Sign in again; if that does not help, tell whoever runs this page.",
  413: CODES.body_too_long,
  429: CODES.too_many_requests,
  503: TOO_LONG,
  504: TOO_LONG,
};

const BROKEN = "Something went wrong in this page. Reload it, and look before you try again.";

// What to say of anything that went wrong: what happened, and what to do.
export function problemOf(problem) {
  if (problem instanceof Unreachable) return problem.message;
  if (!(problem instanceof Refused)) return BROKEN;
  const known = CODES[problem.code] ?? (problem.code ? null : STATUSES[problem.status]);
  const id = problem.requestId && (problem.status === 500 || !known) ? ` (Request ${problem.requestId}.)` : "";
  return `${known ?? unknownOf(problem)}${waitOf(problem)}${id}`;
}

function unknownOf({ message, code, status }) {
  return `${message} (${code ?? status}) If it stays so, tell an admin of your team.`;
}

function waitOf({ retryAfter, status }) {
  if (retryAfter) return ` Try again in ${inWords(retryAfter)}.`;
  if (status === 429) return " Try again in a minute.";
  return [503, 504].includes(status) ? ` ${LATER}` : "";
}

// What the wrong person reads. It does not tell what is not there from what is somebody else's.
// `isLinked`: a link named it, and nobody has entered it.
export function nothingFor(user, team, installation = null, isLinked = installation !== null) {
  const what = installation ? `no such server in team ${team}` : `no team ${team} here`;
  const sees = user ? `${user} sees` : "You see";
  const spelled = isLinked ? "" : " If you have entered its name, look how it is spelled.";
  return (
    `${sees} ${what}.${spelled} If somebody sent you this link, it was made for somebody else, ` +
    "or you are signed in with another account than the one they meant. If you should see it, ask an admin of the team."
  );
}

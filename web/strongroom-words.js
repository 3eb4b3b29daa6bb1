// Every sentence about a connection, about what came of connecting, and about what the API answers; and how dates read.
// docs/errors.md says what the codes and reasons mean. A code that is not here is shown with the API's own sentence.
import { Refused, Unreachable } from "./strongroom-api.js";
import { element } from "./strongroom-dom.js";

// -- Dates, in the person's own time zone

const DATE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const SERVER_TIME = /(\d{4}-\d\d-\d\d \d\d:\d\d UTC)/;

export function dateOf(seconds) {
  return DATE.format(seconds * 1000);
}

export function timeAt(seconds) {
  return element("time", { datetime: new Date(seconds * 1000).toISOString() }, dateOf(seconds));
}

// The API's sentences name times in UTC, next to dates that are not. Gives text and `<time>`s.
export function inLocalTime(sentence) {
  return sentence.split(SERVER_TIME).map((part, at) => (at % 2 ? timeAt(Date.parse(isoOf(part)) / 1000) : part));
}

function isoOf(serverTime) {
  return `${serverTime.slice(0, 10)}T${serverTime.slice(11, 16)}Z`;
}

function inWords(seconds) {
  if (seconds < 100) return seconds === 1 ? "one second" : `${seconds} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}

// -- How a connection stands

const BADGES = {
  connected: ["✓", "Connected"],
  ends_soon: ["!", "Connected, ends soon"],
  expired: ["↻", "Expired"],
  connect: ["○", "Not connected"],
  reconnect: ["○", "Disconnected"],
  admin: ["…", "Waits for an admin"],
  disabled: ["■", "Disabled"],
  no_oauth: ["–", "Needs no OAuth"],
};

// Seconds before its end from which a token that nothing renews asks for the person: time to connect again in peace,
// and less than the hour that many tokens live, or what was connected just now would ask again at once.
const RUNS_OUT = 900;

// One of the keys above.
export function standingOf({ connection, requires_oauth, enabled }) {
  if (!connection || requires_oauth === false) return "no_oauth";
  if (!enabled) return "disabled";
  const { status, reason, next } = connection;
  if (status === "connected") return reason === "consent_ends_soon" || runsOut(connection) ? "ends_soon" : "connected";
  if (next === "none") return "admin";
  if (status === "expired") return "expired";
  return isNew(connection) ? "connect" : next;
}

function runsOut({ status, renewable, expires_at }) {
  if (status !== "connected" || renewable !== false || expires_at === null) return false;
  return expires_at - Date.now() / 1000 < RUNS_OUT;
}

// Who has only said no has nothing to connect again.
function isNew({ reason, last_success_at }) {
  return reason === "denied" && last_success_at === null;
}

// Whether connecting is this person's to do.
export function mayConnect({ enabled, sharing }, role) {
  return enabled && (sharing === "per_user" || role === "team_admin");
}

// `[shape, words]`: the shape is for the eye alone.
export function badgeOf(installation) {
  return BADGES[standingOf(installation)] ?? ["?", installation.connection.status];
}

export function needsPerson(installation, role) {
  const { connection } = installation;
  if (!connection || !mayConnect(installation, role)) return false;
  return ["connect", "reconnect"].includes(connection.next) || runsOut(connection);
}

export function summaryOf(installations, role) {
  const [all, needing] = [installations.length, installations.filter((one) => needsPerson(one, role)).length];
  if (!needing) return all === 1 ? "The one server here needs nothing from you." : `None of ${all} servers needs you.`;
  return `${needing} of ${all} ${needing === 1 ? "needs" : "need"} you.`;
}

export function emptyFor(role) {
  if (role === "team_admin") return "No MCP server is installed in this team yet. Install the first one, by its URL.";
  return "No MCP server is installed in this team yet. An admin of the team installs them: ask one.";
}

// Why it is not connected. For `expired` see FAILING.
const REASONS = {
  never_connected: "It is not connected yet.",
  revoked: "The connection was revoked here.",
  denied: "Consent was denied at the provider.",
  refused: "The provider has ended what was allowed, and refused to renew.",
  lost_response: "An answer of the provider was lost on its way, and after that it refused to renew.",
  expired_without_refresh: "The token has ended, and the provider gave nothing to renew it with.",
  restored: "Strongroom was restored from a backup, and the token in that may be an old one.",
  client_replaced: "The provider has forgotten Strongroom, and with it what was allowed.",
  rejected: "The server rejects the token, and a new one did not help. It is tried again after fifteen minutes.",
  installation_changed: "An admin has changed where the token would be sent, so what was connected has ended.",
  admin_must_connect: "An admin has to connect it for the whole team.",
  consent_ended: "What was allowed has ended, as the provider had said.",
};

const OPERATOR = "That is for whoever runs Strongroom to mend: tell an admin.";
const SILENT = "The provider gives no useful answer just now.";
const BUSY = "The provider asks for patience just now.";
const REFUSES = `The provider does not take the request to renew. ${OPERATOR}`;
const OURS = `Strongroom itself cannot renew it. ${OPERATOR}`;
const FAILING = {
  unreachable: SILENT,
  no_answer: SILENT,
  provider_error: SILENT,
  unusable_answer: SILENT,
  rate_limited: BUSY,
  temporarily_unavailable: BUSY,
  client_rejected: "The provider does not take Strongroom's client. Tell an admin.",
  provider_refused: REFUSES,
  redirected: REFUSES,
  invalid_request: REFUSES,
  invalid_scope: REFUSES,
  invalid_target: REFUSES,
  unsupported_grant_type: REFUSES,
  address_refused: OURS,
  out_of_time: OURS,
  integrity_error: OURS,
  not_found: OURS,
};

function reasonIn(code) {
  return REASONS[code] ?? FAILING[code] ?? `It is not connected (${code}).`;
}

// What the standing means, and what to do, for the person who looks. `role`: theirs, which matters where a team shares.
export function meaningOf(installation, role = null) {
  const { connection, sharing } = installation;
  const [standing, mine] = [standingOf(installation), mayConnect(installation, role)];
  switch (standing) {
    case "no_oauth":
      return "There is nothing to connect.";
    case "disabled":
      return "An admin has disabled it: nothing is given out until an admin enables it again.";
    case "connected":
      return lastingOf(connection, mine);
    case "ends_soon":
      return runsOut(connection) ? runningOutOf(connection, mine) : endingOf(connection);
    case "admin":
      return `${whyNot(connection, sharing)} Only an admin can connect it, for the whole team: ask one.`;
    default:
      if (connection.next === "wait") return waitingOf(connection);
      return `${whyNot(connection, sharing)} ${whatNow(standing)}`;
  }
}

function whyNot({ reason }, sharing) {
  if (reason === null && sharing === "shared") return "Nobody has connected it for the team yet.";
  return reasonIn(reason ?? "never_connected");
}

function whatNow(standing) {
  return standing === "connect" ? "Connect to use it." : "Connect again to go on.";
}

function waitingOf({ reason }) {
  const why = FAILING[reason] ? ` ${FAILING[reason]}` : "";
  const now = `The token has ended, and renewing it does not succeed just now.${why}`;
  return `${now} Strongroom keeps trying: you need do nothing.`;
}

function endingOf({ consent_ends_at, next }) {
  const until = consent_ends_at === null ? "What was allowed ends soon" : `It works until ${dateOf(consent_ends_at)}`;
  const act = next === "none" ? "An admin has to connect again" : "Connect again";
  return `${until}: then the provider ends what was allowed. ${act} before that, and nothing is interrupted.`;
}

function runningOutOf({ expires_at }, mine) {
  const works = `It works until ${dateOf(expires_at)}. The provider gave nothing to renew it with`;
  return `${works}: ${again(mine)} before that, and nothing is interrupted.`;
}

// Whoever cannot connect is not told to.
function again(mine) {
  return mine ? "connect again" : "an admin has to connect again";
}

function lastingOf({ renewable, expires_at, expiry }, mine) {
  if (renewable !== false) return "It works, and is renewed by itself: you need do nothing.";
  const then = `${again(mine)} then.`;
  if (expires_at !== null) {
    return `It works until ${dateOf(expires_at)}. The provider gave nothing to renew it with: ${then}`;
  }
  if (expiry === "never") return "It works. Its token has no end.";
  return `It works. The provider gave nothing to renew it with, and does not say when it ends: ${then}`;
}

// The end of the token, as a fact. Null if there is no token to speak of. `mine`: whether to connect is this person's.
export function expiryOf({ expires_at, expiry, renewable, status }, mine) {
  if (!expiry) return null;
  if (expires_at === null) return expiry === "never" ? "has no end" : "the provider does not say when it ends";
  if (status === "expired") return ["ended ", timeAt(expires_at)];
  const nothing = "the provider gave nothing to renew it with";
  if (renewable === false) return [`${nothing}: ${again(mine)} at `, timeAt(expires_at)];
  return ["renewed by itself; this one ends ", timeAt(expires_at)];
}

// -- What came of connecting

export const GONE =
  "This server is not there any more, or it is not for you any more. If you need it, ask an admin of your team.";
export const NOT_BEGUN = "Nothing was connected, and you were sent nowhere.";
export const REVOKED =
  "Revoked: nothing of it is given out any more. The provider is told now; open the history below in a moment to see " +
  "what came of that.";

export function revokeQuestion({ name, sharing }, team) {
  const shared = sharing === "shared";
  return {
    title: `Revoke ${name}${shared ? " for the whole team" : ""}?`,
    text: [
      shared
        ? `Everybody in team ${team} loses it at once, until an admin connects again.`
        : "Nothing of it is given out any more, until you connect again.",
      "The provider is told to end what was allowed.",
    ],
    yes: shared ? "Revoke for the whole team" : "Revoke",
    no: "Keep it",
  };
}

const AGAIN = "Connect again if you still want to.";
const OFTEN = "If it happens again, tell an admin of your team.";
const ENDED = {
  denied: `Consent was denied at the provider, so nothing new was connected. ${AGAIN}`,
  expired: `The ten minutes for it are over, so nothing new was connected. ${AGAIN}`,
  declined: "Nothing was connected: you said no.",
  stopped: "This page waits no longer. If you go on in the provider's window, it is finished there all the same.",
  failed: `It could not be finished, and nothing of it was kept. ${AGAIN} ${OFTEN}`,
};

const BY_ANOTHER = "You are connected: by another consent. Nothing of this one was kept.";

// What came of an authorization: `{sentence, kind}`, where kind is `done`, `note` or `trouble`. `connection` is as it
// is afterwards, or null if that is not known. `mine`: whether to connect is this person's.
export function outcomeOf({ state, code }, connection = null, mine = mayStill(connection)) {
  if (state === "completed") return { sentence: completedOf(connection), kind: "done" };
  const stands = connection?.status === "connected";
  if (state === "failed" && code === "newer_grant" && (stands || !connection)) {
    return { sentence: CODES.newer_grant, kind: "done" };
  }
  if (state === "failed" && !code && stands) return { sentence: BY_ANOTHER, kind: "note" };
  const sentence = mine ? endedOf(state, code) : endedOf(state, code).replace(` ${AGAIN}`, "");
  const goesOn = stands && state !== "stopped" ? " What was connected before goes on." : "";
  return { sentence: sentence + goesOn, kind: state === "failed" ? "trouble" : "note" };
}

// The code came by way of another window.
function endedOf(state, code) {
  const known = state === "failed" && code !== "newer_grant" && Object.hasOwn(CODES, code ?? "");
  return known ? CODES[code] : (ENDED[state] ?? ENDED.failed);
}

function mayStill(connection) {
  return !connection || connection.status === "connected" || connection.next !== "none";
}

function completedOf(connection) {
  const missing = connection?.missing_scopes ?? [];
  const less = missing.length ? ` Not allowed of what was asked for: ${missing.join(", ")}.` : "";
  const lasting = connection?.renewable === false ? ` ${lastingOf(connection, true)}` : "";
  return `You are connected.${lasting}${less}`;
}

// The same on the page that the provider's answer arrives at, with the server's `name` where that is known:
// `someone_else` and `not_yours` come besides.
export function finishSentence({ state, code, connection = null, user = null, name = null }) {
  if (state === "someone_else") {
    return { sentence: `${user} began this in this browser. Sign in as ${user} to finish it.`, kind: "note" };
  }
  if (state === "not_yours") {
    return {
      sentence:
        "This was begun by somebody else, or is over, so nothing was connected. If you did not begin it yourself, " +
        "somebody may have tried to use your account: nothing of it was given to them.",
      kind: "trouble",
    };
  }
  const { sentence, kind } = outcomeOf({ state, code }, connection);
  return { sentence: name ? `${name}: ${sentence}` : sentence, kind };
}

function startedAs(name) {
  return `a program that your gateway starts itself, named ${name}`;
}

// What to ask before an authorization is finished that concerns others, or that this site did not see begin: the person
// did so in another browser, or at a product's page on a site of its own.
export function finishQuestion({ facts, installation, user, shared, here }) {
  const { name } = installation;
  return {
    title: shared ? `Connect ${name} for the whole team?` : `Finish connecting ${name} as ${user}?`,
    text: [
      `At ${facts.provider_host}, access was allowed just now for ${facts.mcp_host ?? startedAs(name)}.`,
      ...(shared ? [`Everybody in team ${facts.team} will use the account that it was allowed with.`] : []),
      `You are signed in as ${user}.`,
      ...(here ? [] : [ELSEWHERE]),
    ],
    yes: shared ? "Connect for the whole team" : `Connect as ${user}`,
    no: "Do not connect",
  };
}

const ELSEWHERE =
  "It was not begun on this page. Go on only if you pressed Connect somewhere else just now, such as in your team's " +
  "product, and if it was you who allowed the access.";

// -- What the API answers

const LATER = "Try again in a moment.";
const SERVERS = "Nobody can connect until that is mended: tell an admin of your team, or whoever runs the server.";
const PROVIDERS = "Nobody can connect until that is mended: tell an admin of your team, who can tell the provider.";
const ADMINS = "An admin of your team has to mend that: tell one.";
const REPORT = "Tell whoever runs Strongroom.";
const MEND = "Correct it, and try again.";
const FORM = "What was sent is not of a form that Strongroom takes.";

const CODES = {
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
export function nothingFor(user, team, installation) {
  const what = installation ? `no such server in team ${team}` : `no team ${team} here`;
  const sees = user ? `${user} sees` : "You see";
  return (
    `${sees} ${what}. If somebody sent you this link, it was made for somebody else, ` +
    "or you are signed in with another account than the one they meant. If you should see it, ask an admin of the team."
  );
}

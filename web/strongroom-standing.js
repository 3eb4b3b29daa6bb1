// Every sentence about how a connection stands. docs/errors.md says what the reasons mean.
import { dateOf, timeAt } from "./strongroom-dates.js";

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
  return status === "expired" ? "expired" : next;
}

function runsOut({ status, renewable, expires_at }) {
  if (status !== "connected" || renewable !== false || expires_at === null) return false;
  return expires_at - Date.now() / 1000 < RUNS_OUT;
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
  if (expires_at * 1000 <= Date.now()) {
    return `The token has ended, and the provider gave nothing to renew it with: ${again(mine)}.`;
  }
  const works = `It works until ${dateOf(expires_at)}. The provider gave nothing to renew it with`;
  return `${works}: ${again(mine)} before that, and nothing is interrupted.`;
}

// Whoever cannot connect is not told to.
function again(mine) {
  return mine ? "connect again" : "an admin has to connect again";
}

// While it serves. `mine`: whether to connect is this person's.
export function lastingOf({ renewable, expires_at, expiry }, mine) {
  if (renewable !== false) return "It works, and is renewed by itself: you need do nothing.";
  if (expires_at !== null) {
    return `It works until ${dateOf(expires_at)}. The provider gave nothing to renew it with: ${again(mine)} by then.`;
  }
  if (expiry === "never") return "It works. Its token has no end.";
  return `It works. The provider gave nothing to renew it with, and does not say when it ends: ${again(mine)} then.`;
}

// The end of the token, as a fact. Null if there is no token to speak of. `mine`: whether to connect is this person's.
export function expiryOf({ expires_at, expiry, renewable, status }, mine) {
  if (!expiry) return null;
  if (expires_at === null) return expiry === "never" ? "has no end" : "the provider does not say when it ends";
  if (status === "expired") return ["ended ", timeAt(expires_at)];
  const nothing = "the provider gave nothing to renew it with";
  if (renewable === false) return [`${nothing}: ${again(mine)} by `, timeAt(expires_at)];
  return ["renewed by itself; this one ends ", timeAt(expires_at)];
}

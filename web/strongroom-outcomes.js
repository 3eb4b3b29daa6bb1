// Every sentence about what is to be done to a connection, or came of it.
import { AGAIN, CODES, OFTEN } from "./strongroom-problems.js";
import { lastingOf } from "./strongroom-standing.js";

export const GONE =
  "This server is not there any more, or it is not for you any more. If you need it, ask an admin of your team.";
export const NOT_BEGUN = "Nothing was connected, and you were sent nowhere.";
export const REVOKED =
  "Revoked: nothing of it is given out any more. The provider is told now; in a moment, what came of that is told " +
  "below.";

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

const ENDED = {
  denied: `Consent was denied at the provider, so nothing new was connected. ${AGAIN}`,
  expired: `The ten minutes for it are over, so nothing new was connected. ${AGAIN}`,
  declined: "Nothing was connected: you said no.",
  stopped: "This page waits no longer. If you go on in the provider's window, it is finished there all the same.",
  failed: `It could not be finished, and nothing of it was kept. ${AGAIN} ${OFTEN}`,
};

const BY_ANOTHER = "You are connected: by another consent. Nothing of this one was kept.";

// Whether the connection is of a consent after this one was begun, and not what was there before.
function isNewer({ status, since }, begunAt) {
  return status === "connected" && begunAt !== null && since >= begunAt;
}

// What came of an authorization: `{sentence, kind}`, where kind is `done`, `note` or `trouble`. `connection` is as it
// is afterwards, or null if that is not known. `mine`: whether to connect is this person's.
export function outcomeOf({ state, code, begun_at = null }, connection = null, mine = mayStill(connection)) {
  if (state === "completed") return { sentence: completedOf(connection), kind: "done" };
  const stands = connection?.status === "connected";
  if (state === "failed" && code === "newer_grant" && (stands || !connection)) {
    return { sentence: CODES.newer_grant, kind: "done" };
  }
  if (state === "failed" && !code && connection && isNewer(connection, begun_at)) {
    return { sentence: BY_ANOTHER, kind: "note" };
  }
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
  if (connection && connection.status !== "connected") return "It was connected, and that has ended since.";
  const missing = connection?.missing_scopes ?? [];
  const less = missing.length ? ` Not allowed of what was asked for: ${missing.join(", ")}.` : "";
  const lasting = connection?.renewable === false ? ` ${lastingOf(connection, true)}` : "";
  return `You are connected.${lasting}${less}`;
}

// The same on the page that the provider's answer arrives at, with the server's `name` where that is known:
// `someone_else` and `not_yours` come besides.
export function finishSentence({ state, code, begun_at, connection = null, user = null, name = null }) {
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
  const { sentence, kind } = outcomeOf({ state, code, begun_at }, connection);
  return { sentence: name ? `${name}: ${sentence}` : sentence, kind };
}

function startedAs(name) {
  return `a program that your gateway starts itself, named ${name}`;
}

// What to ask before an authorization is finished that concerns others, or that this site did not see begin: the person
// did so in another browser, or at a product's page on a site of its own. `called`: what the person is called, who is
// `user`.
export function finishQuestion({ facts, installation, user, called = user, shared, here }) {
  const { name } = installation;
  return {
    title: shared ? `Connect ${name} for the whole team?` : `Finish connecting ${name} as ${called}?`,
    text: [
      `At ${facts.provider_host}, access was allowed just now for ${facts.mcp_host ?? startedAs(name)}.`,
      ...(shared ? [`Everybody in team ${facts.team} will use the account that it was allowed with.`] : []),
      `You are signed in as ${called}${called === user ? "" : ` (${user})`}.`,
      ...(here ? [] : [ELSEWHERE]),
    ],
    yes: shared ? "Connect for the whole team" : `Connect as ${called}`,
    no: "Do not connect",
  };
}

const ELSEWHERE =
  "It was not begun on this page. Go on only if you pressed Connect somewhere else just now, such as in your team's " +
  "product, and if it was you who allowed the access.";

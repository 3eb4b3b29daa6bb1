// One installation as a person sees it: how it stands, where connecting leads, and the one thing to do next.
import { forAdmins } from "./strongroom-admins.js";
import { hostIn, offered } from "./strongroom-connect.js";
import { button, element, freshId, unseen } from "./strongroom-dom.js";
import {
  badgeOf,
  dateOf,
  expiryOf,
  mayConnect,
  meaningOf,
  needsPerson,
  standingOf,
  timeAt,
} from "./strongroom-words.js";

// `context`: `{user, role, alone, more, activity, notice, timeline, manage, connect, revoke}`. `alone`: it is what a
// link led to. `more`: the server wants more scopes than were allowed. `activity`: what is under way, as
// strongroom-cards.js keeps it, or null; `notice`: what has just come of it, or null. `timeline` and `manage` are
// nodes, or null; `connect` and `revoke` are what the buttons do.
export function card(installation, context) {
  const heading = element("h3", { id: freshId("server"), tabindex: "-1", "data-act": "heading" }, installation.name);
  const { activity, notice } = context;
  return element(
    "article",
    {
      class: "strongroom-card",
      "aria-labelledby": heading.id,
      "data-installation": installation.installation,
      "data-status": standingOf(installation),
    },
    element("header", { class: "strongroom-head" }, heading, badge(installation)),
    notice && element("p", { class: `strongroom-notice strongroom-${notice.kind}` }, notice.sentence),
    ...(activity ? [] : meanings(installation, context)), // whoever is connecting is not told to
    facts(...standing(installation, context)),
    ...(activity ? [panel(installation, activity)] : offer(installation, context)),
    context.timeline,
    context.manage,
  );
}

const MORE = "The server wants more than you have allowed. Reconnect to allow it: you will see what before you go on.";
const MORE_FOR_ADMINS = "The server wants more than was allowed. Only an admin can allow it: ask one.";

function meanings(installation, context) {
  const meaning = meaningOf(installation, context.role);
  const sentences = [context.manage ? forAdmins(meaning) : meaning, context.more && moreOf(installation, context)];
  return sentences.filter(Boolean).map((sentence) => element("p", { class: "strongroom-meaning" }, sentence));
}

function moreOf(installation, { role }) {
  return mayConnect(installation, role) ? MORE : MORE_FOR_ADMINS;
}

function badge(installation) {
  const [shape, words] = badgeOf(installation);
  return element(
    "p",
    { class: `strongroom-badge strongroom-badge-${standingOf(installation)}` },
    element("span", { "aria-hidden": "true" }, shape),
    ` ${words}`,
  );
}

// -- Facts

// Pairs of a term and what there is to say of it; those that have nothing are left out.
function facts(...pairs) {
  const told = pairs.filter(([, what]) => what !== null);
  if (!told.length) return null;
  const rows = told.map(([term, what]) => element("div", {}, element("dt", {}, term), element("dd", {}, what)));
  return element("dl", { class: "strongroom-facts" }, ...rows);
}

function standing(installation, { user, role }) {
  const { connection, sharing, enabled } = installation;
  if (!connection) return [];
  const serves = ["connected", "expired"].includes(connection.status);
  return [
    ["Account", serves ? (connection.account ?? "the provider does not say which") : null],
    ["Connected by", serves ? whoConnected(connection, sharing, user) : null],
    ["Token", serves ? (enabled ? expiryOf(connection, mayConnect(installation, role)) : endOf(connection)) : null],
    ["Allowed until", connection.consent_ends_at === null ? null : timeAt(connection.consent_ends_at)],
    ["Allowed", connection.scopes.length ? codes(connection.scopes) : null],
    ["Not allowed", connection.missing_scopes.length ? codes(connection.missing_scopes) : null],
    ["Shared", sharing === "shared" ? "One account for the whole team." : null],
  ];
}

// The person here, apart from the account there: they may have signed in at the provider under any name.
function whoConnected({ authorized_by }, sharing, user) {
  if (sharing === "per_user") return user ? `you, as ${user}` : null;
  if (!authorized_by) return null;
  const leftAt = authorized_by.left_at;
  const left = leftAt ? `, who left the team at ${dateOf(leftAt)}; it goes on working` : "";
  return authorized_by.user + left;
}

// While nothing is renewed.
function endOf({ expires_at }) {
  return expires_at === null ? null : ["ends ", timeAt(expires_at)];
}

function codes(words) {
  return words.flatMap((word, at) => [at ? ", " : "", element("code", {}, word)]);
}

// Where connecting leads. `shown` is as `offered` gives it, or what was begun.
export function destination(shown) {
  const added = Object.entries(shown.parameters);
  const elsewhere = shown.token_host !== shown.provider_host;
  return facts(
    ["Server", shown.mcp_host ?? "a program that your gateway starts itself"],
    ["You go to", strong(shown.provider_host)],
    ["Tokens come from", elsewhere ? strong(shown.token_host) : null],
    ["Asks for", [...asked(shown.scopes), ", and to stay connected while you are away"]],
    ["An admin has added", added.length ? codes(added.map(([name, value]) => `${name}=${value}`)) : null],
    ["Beware", shown.pkce_unlisted ? VOUCHED : null],
  );
}

const VOUCHED =
  "The provider does not say that it protects codes with PKCE. An admin vouches that it does; nobody has checked that.";

function strong(host) {
  return element("strong", {}, host);
}

function asked(scopes) {
  return scopes.length ? codes(scopes) : ["no scopes by name: what the provider gives by itself"];
}

function leads(installation) {
  const shown = offered(installation);
  if (shown) return destination(shown);
  const { provider, url } = installation;
  return facts(
    ["Server", hostIn(url) ?? "a program that your gateway starts itself"],
    ["You go to", "not known yet: it is found out when you connect, and shown before you go on"],
    ["Issuer", provider?.issuer ?? null],
  );
}

// -- What to do

function offer(installation, context) {
  const { connection, enabled, sharing } = installation;
  if (!connection) return [];
  const mine = sharing === "per_user" || context.role === "team_admin";
  const held = connection.last_success_at !== null;
  const needed = mine && (needsPerson(installation, context.role) || (context.more && enabled));
  const can = { connect: needed, reconnect: mine && enabled && held && !needed, revoke: mine && held };
  const buttons = actions(installation, context, can);
  return needed ? [leads(installation), ...buttons] : [...buttons, tucked(installation)];
}

function tucked(installation) {
  const whose = unseen(` (${installation.name})`);
  const summary = element("summary", { "data-act": "where" }, "Where connecting leads", whose);
  return element("details", { class: "strongroom-where", "data-part": "where" }, summary, leads(installation));
}

function actions(installation, context, can) {
  const { connection, sharing } = installation;
  const again = connection.next === "reconnect" || connection.last_success_at !== null;
  const label = `${again ? "Reconnect" : "Connect"}${context.alone && context.user ? ` as ${context.user}` : ""}`;
  const connect = () => context.connect(installation, { seen: can.connect });
  const buttons = [
    can.connect && act("connect", label, installation, connect),
    can.reconnect && act("connect", label, installation, connect, "secondary outline"),
    can.revoke && act("revoke", "Revoke", installation, () => context.revoke(installation), "secondary outline"),
  ].filter(Boolean);
  const concerned = sharing === "shared" && (can.connect || can.reconnect);
  return [
    concerned && element("p", { class: "strongroom-meaning" }, "The whole team will use the account that you connect."),
    buttons.length ? element("div", { class: "strongroom-actions" }, ...buttons) : null,
  ];
}

// A button that is named for what it does to which installation, and is found again by `name` when the card is remade.
function act(name, label, installation, what, look = null) {
  const separated = label.includes(" ") ? ": " : " ";
  const named = `${label}${separated}${installation.name}`;
  return button(label, what, { "data-act": name, "aria-label": named, class: look });
}

// -- What is under way

function panel(installation, activity) {
  const [words, buttons] = PANELS[activity.kind](installation, activity);
  const label = `Connecting ${installation.name}`;
  return element(
    "section",
    { class: "strongroom-panel", "aria-label": label, tabindex: "-1", "data-act": "panel" },
    ...words,
    buttons.length ? element("div", { class: "strongroom-actions" }, ...buttons) : null,
  );
}

const PANELS = { beginning, agreeing, waiting };

function beginning() {
  const words = "Asking the server where connecting leads. That may take up to fifteen seconds.";
  return [[element("p", { "aria-busy": "true" }, words)], []];
}

function agreeing(installation, { begun, shown, answer }) {
  const why = shown ? "It leads elsewhere than this page said. This is where it leads now:" : "This is where it leads:";
  const yes = act("agree", `Continue to ${begun.provider_host}`, installation, () => answer(true));
  const no = act("decline", "Do not connect", installation, () => answer(false), "secondary outline");
  return [[element("p", {}, why), destination(begun)], [yes, no]];
}

function waiting(installation, { authorization, open }) {
  const { provider_host, expires_at } = authorization.facts;
  const again = act("reopen", "Open it again", installation, () => authorization.reopen(), "secondary outline");
  const stop = act("stop", "Stop waiting", installation, () => authorization.stop(), "secondary outline");
  return [
    [
      open ? element("p", {}, goOn(authorization)) : null,
      element("p", {}, open ? NOTICES : closedWords(provider_host), until(expires_at)),
    ],
    [again, stop],
  ];
}

function goOn({ way, facts }) {
  if (way === "tab") return `This tab goes on to ${facts.provider_host}.`;
  return element("strong", {}, openWords(facts.provider_host));
}

export function openWords(host) {
  return `Go on in the window of ${host}.`;
}

const NOTICES = "This page notices when you have finished.";

function until(expiresAt) {
  return [" It has to be done by ", timeAt(expiresAt), "."];
}

// The window may be closed, or its page keeps others from seeing whether it is: both look the same from here.
export function closedWords(host) {
  return (
    "That window looks closed. If you have closed it, open it again, or stop waiting. If you still see it, go on " +
    `there: ${host} only hides it from this page, which notices all the same when you have finished.`
  );
}

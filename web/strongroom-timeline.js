// Why am I disconnected: what happened to one connection, and what happens next, in the API's own sentences.
import { attempt, button, element, linkTo, replace, unseen } from "./strongroom-dom.js";
import { inLocalTime, problemOf, standingOf, timeAt } from "./strongroom-words.js";
import { SignedOut } from "./strongroom-api.js";

const QUESTIONS = {
  expired: "Why is it expired?",
  reconnect: "Why am I disconnected?",
  admin: "Why is it not connected?",
};
const NOT_CONNECTED = "Why am I not connected?";
const HAPPENED = "What has happened";

// A `<details>` that asks each time it is opened, and while it is open whenever the list was read again.
export function timeline(strongroom, team, installation) {
  const { name } = installation;
  const place = element("div", { class: "strongroom-timeline-told" });
  const denied = installation.connection.reason === "denied";
  const question = QUESTIONS[standingOf(installation)] ?? (denied ? NOT_CONNECTED : HAPPENED);
  const summary = element("summary", { "data-act": "timeline" }, question, unseen(` (${name})`));
  const made = element("details", { class: "strongroom-timeline", "data-part": "timeline" }, summary, place);
  const ask = () => made.open && attempt(place, () => load(place, strongroom, team, installation));
  for (const event of ["toggle", "strongroom-again"]) made.addEventListener(event, ask);
  return made;
}

// Whether the server has asked for more than was allowed, since the last consent: then there is a reason to connect
// again, though the connection is in order.
export function wantsMore(told) {
  const last = told.events.find(({ event }) => ["connected", "more_scopes_wanted"].includes(event));
  return last?.event === "more_scopes_wanted";
}

async function load(place, strongroom, team, installation) {
  if (!place.childElementCount) replace(place, element("p", {}, "Looking it up."));
  try {
    update(place, await strongroom.timeline(team, installation.installation));
  } catch (problem) {
    if (problem instanceof SignedOut) throw problem;
    const again = button("Try again", () => load(place, strongroom, team, installation));
    const held = place.contains(document.activeElement);
    replace(place, element("p", {}, problemOf(problem)), again);
    if (held) again.focus();
  }
}

// What is as it was stays, so that nobody who reads it loses their place.
function update(place, told) {
  const made = element("div", {}, ...shown(told));
  if (made.isEqualNode(place.firstElementChild)) return;
  const held = place.contains(document.activeElement);
  replace(place, made);
  if (held) place.parentElement.firstElementChild.focus();
}

function shown({ now, trouble, events }) {
  return [
    now && element("p", {}, inLocalTime(now.text)),
    trouble && element("p", {}, inLocalTime(trouble.text)),
    now?.renews_at && element("p", {}, "It is renewed by itself next at ", timeAt(now.renews_at), "."),
    events.length
      ? element("ul", { class: "strongroom-events" }, ...events.map(shownEvent))
      : element("p", {}, "Nothing has happened to it so far."),
  ];
}

function shownEvent({ at, by, link, text }) {
  return element(
    "li",
    {},
    timeAt(at),
    ": ",
    inLocalTime(text),
    by && by !== "strongroom" ? ` By ${by}.` : null,
    hostOf(link) && [" ", linkTo(link, `Go to ${hostOf(link)} (in a new tab)`)],
  );
}

function hostOf(link) {
  return URL.canParse(link) ? new URL(link).host : null;
}

// What an admin sees and does of one installation: how everybody stands there, and every change. It reads the
// installation when it is opened and when the list was read again, and what it sends holds only for what it has read.

import { changeForms } from "./admin-change.js";
import { actions, opened } from "./admin-form.js";
import { areConnected, CONSEQUENCES, people, revokingAllMeans, whyNot } from "./admin-words.js";
import { Refused } from "./strongroom-api.js";
import { button, confirmed, element, replace, tell } from "./strongroom-dom.js";
import { timeAt } from "./strongroom-words.js";

const CHANGED_MEANWHILE =
  "Somebody else has changed this installation meanwhile, so nothing of yours was saved. This is how it stands now.";

// Of each Strongroom, by installation: a panel is kept while the card around it is made anew.
const panels = new WeakMap();

// `changed()` is told after each change, and shows the list anew.
export function managePanel(installation, { strongroom, team, changed }) {
  if (!panels.has(strongroom)) panels.set(strongroom, new Map());
  const kept = panels.get(strongroom);
  const id = installation.installation;
  if (!kept.has(id)) kept.set(id, panelOf({ strongroom, team, id, changed }));
  const panel = kept.get(id);
  name(panel, installation);
  return panel;
}

function name(panel, installation) {
  replace(panel.firstElementChild, `Manage ${installation.name}`);
}

function panelOf(subject) {
  const place = element("div");
  const panel = element("details", { class: "strongroom-manage" }, element("summary", { "data-act": "manage" }), place);
  const desk = { ...subject, place, panel, shown: null, touched: false };
  const show = () => opened(panel, place, () => open(desk));
  panel.addEventListener("toggle", () => (panel.open ? show() : close(desk)));
  panel.addEventListener("strongroom-again", () => again(desk).catch((problem) => tell(panel, problem)));
  for (const event of ["click", "input"]) place.addEventListener(event, () => (desk.touched = true));
  return panel;
}

function close(desk) {
  desk.shown = null;
  replace(desk.place);
}

// Read everything anew and show it. `said` is what has just happened.
async function open(desk, said = null) {
  if (!said) replace(desk.place, element("p", { "aria-busy": "true" }, "Looking how it stands…"));
  show(desk, await read(desk), said);
}

async function read({ strongroom, team, id }) {
  const [looked, counts] = await Promise.all([strongroom.look(team, id), strongroom.counts(team, id)]);
  return { ...looked, counts };
}

function show(desk, found, said = null) {
  const subject = { ...desk, ...found, save: (act, done) => save(desk, act, done), tooLate: () => tooLate(desk) };
  const outcome = said
    ? element("p", { tabindex: "-1", class: `strongroom-notice strongroom-${said.kind}` }, said.sentence)
    : null;
  const stands = standing(subject);
  replace(desk.place, outcome, stands, changeForms(subject), switches(subject));
  Object.assign(desk, { shown: { subject, stands }, touched: false });
  name(desk.panel, subject.installation);
  outcome?.focus();
}

// Read anew how everybody stands. The forms stay, with what is being typed in them; if nobody was in them yet and
// somebody else has changed the installation, they are made anew too.
async function again(desk) {
  const { shown, place } = desk;
  if (!shown) return;
  const found = await read(desk);
  if (desk.shown !== shown) return;
  const { subject, stands } = shown;
  const isInUse = desk.touched || place.contains(document.activeElement);
  if (found.etag !== subject.etag && !isInUse) return show(desk, found);
  name(desk.panel, found.installation);
  subject.counts = found.counts;
  const now = standing(found);
  if (now.isEqualNode(stands)) return; // nobody who reads it loses their place
  stands.replaceWith((shown.stands = now));
}

// Send a change, and show what has come of it. If somebody else was first, nothing was sent that they had not seen.
async function save(desk, act, done) {
  try {
    await act();
  } catch (problem) {
    if (!(problem instanceof Refused && problem.status === 412)) throw problem;
    return tooLate(desk);
  }
  desk.shown = null; // it is read anew as soon as the list is
  await desk.changed();
  await open(desk, { sentence: done, kind: "done" });
}

function tooLate(desk) {
  return open(desk, { sentence: CHANGED_MEANWHILE, kind: "trouble" });
}

// -- How it stands

function standing({ installation, counts }) {
  return element(
    "section",
    {},
    element("h4", {}, "How everybody stands"),
    lastError(counts.last_error ?? installation.connection?.last_error),
    element("p", {}, ...inNumbers(counts)),
    reasons(counts),
    counts.complete
      ? null
      : element("p", {}, "The team is so large that not everybody was looked at; who was not is in no other number."),
  );
}

function lastError(error) {
  if (!error) return null;
  return element(
    "p",
    { class: "strongroom-notice strongroom-trouble" },
    element("strong", {}, "Last error"),
    " (",
    timeAt(error.at),
    "): ",
    error.text,
  );
}

function inNumbers({ members, connected, not_connected: others, last_success_at: success }) {
  if (others.no_oauth) return [`Nobody of ${people(members)} has to connect: the server needs no OAuth.`];
  const sentence = `${connected} of ${people(members)} ${connected === 1 ? "is" : "are"} connected.`;
  return success
    ? [sentence, " Tokens were last obtained ", timeAt(success), "."]
    : [sentence, " Nobody holds tokens."];
}

function reasons({ not_connected: others }) {
  const shown = Object.entries(others).filter(([reason]) => reason !== "no_oauth");
  if (!shown.length) return null;
  return element(
    "ul",
    {},
    ...shown.map(([reason, number]) => element("li", {}, `${people(number)}: ${whyNot(reason)}`)),
  );
}

// -- Switching off, ending, removing

function switches(subject) {
  const { installation } = subject;
  const parts = [installation.enabled ? disabling(subject) : enabling(subject)];
  if (installation.requires_oauth !== false) parts.push(revokingAll(subject));
  return element("section", {}, element("h4", {}, "Pause, revoke, remove"), ...parts, uninstalling(subject));
}

// A button that is named for which installation it is about, and looks like what it does.
function act(sentence, [label, name], look, does) {
  const named = { "aria-label": `${label}: ${name}`, class: `${look} outline` };
  return element("div", {}, element("p", {}, sentence), actions(button(label, does, named)));
}

function disabling({ strongroom, team, id, installation, etag, save: saved }) {
  const off = () => strongroom.change(team, id, { enabled: false }, etag);
  return act(CONSEQUENCES.disable, ["Disable", installation.name], "secondary", () =>
    saved(off, `${installation.name} is disabled: nothing of it is given out.`),
  );
}

function enabling({ strongroom, team, id, installation, etag, save: saved }) {
  const on = () => strongroom.change(team, id, { enabled: true }, etag);
  return act(CONSEQUENCES.enable, ["Enable", installation.name], "secondary", () =>
    saved(on, `${installation.name} is enabled.`),
  );
}

function revokingAll(subject) {
  const { strongroom, team, id, installation, etag, save: saved } = subject;
  const question = () => ({
    title: `Revoke all connections of ${installation.name}?`,
    text: [`${areConnected(subject.counts, installation)}.`, revokingAllMeans(installation)],
    yes: "Revoke all",
  });
  const end = () => strongroom.revokeAll(team, id, etag);
  const ask = async () => (await confirmed(question())) && saved(end, "Everything that was connected here is revoked.");
  const named = ["Revoke all connections", installation.name];
  return act(revokingAllMeans(installation), named, "strongroom-ends", ask);
}

function uninstalling(subject) {
  const { installation } = subject;
  const question = () => ({
    title: `Uninstall ${installation.name}?`,
    text: [`${areConnected(subject.counts, installation)}.`, CONSEQUENCES.uninstall],
    yes: `Uninstall ${installation.name}`,
  });
  const ask = async () => (await confirmed(question())) && uninstalled(subject);
  return act(CONSEQUENCES.uninstall, ["Uninstall", installation.name], "strongroom-ends", ask);
}

// The card goes with it, so that focus has to go elsewhere: to the list, which says what has happened.
async function uninstalled(subject) {
  const { strongroom, team, id, etag, panel, installation, changed } = subject;
  const list = panel.closest("strongroom-connections");
  const remove = async () => {
    await strongroom.uninstall(team, id, etag);
    await changed();
    list?.say?.(`${installation.name} is uninstalled.`, "done");
    list?.querySelector("h2")?.focus();
  };
  await removing(subject, remove);
}

async function removing(subject, remove) {
  try {
    await remove();
  } catch (problem) {
    if (!(problem instanceof Refused && problem.status === 412)) throw problem;
    await subject.tooLate();
  }
}

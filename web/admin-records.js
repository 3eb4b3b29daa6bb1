// Who changed what in the team, newest first.

import { actions, opened, row, table } from "./admin-form.js";
import { factsInWords } from "./admin-words.js";
import { button, element, linkTo, replace } from "./strongroom-dom.js";
import { inLocalTime, timeAt } from "./strongroom-words.js";

const HEADS = ["When", "What", "By", "About", "Server", "More"];

export function recordsPanel(strongroom, team) {
  const place = element("div");
  const panel = element(
    "details",
    { class: "strongroom-records" },
    element("summary", {}, "Who changed what in the team"),
    place,
  );
  const show = () => opened(panel, place, () => open({ strongroom, team, names: new Map(), place }));
  panel.addEventListener("toggle", () => (panel.open ? show() : replace(place)));
  return element("section", {}, element("h3", {}, "Records"), panel);
}

async function open(desk) {
  replace(desk.place, element("p", { "aria-busy": "true" }, "Reading the records…"));
  const { node, body } = table("Records of the team", HEADS, []);
  const asOf = element("span", { "aria-live": "polite" });
  const older = button("Older", () => more(desk, body, older), { class: "secondary" });
  const refresh = button("Refresh", () => readNewest(desk, body, older, asOf), { class: "secondary outline" });
  await readNewest(desk, body, older, asOf);
  replace(desk.place, element("p", {}, refresh, " ", asOf), node, actions(older));
}

async function readNewest(desk, body, older, asOf) {
  const [first, { installations }] = await Promise.all([
    desk.strongroom.records(desk.team),
    desk.strongroom.list(desk.team),
  ]);
  desk.names.clear();
  for (const { installation, name } of installations) desk.names.set(installation, name);
  replace(body);
  add(desk, body, older, first);
  replace(asOf, "As of ", timeAt(Date.now() / 1000), ".");
}

// Focus goes to the first of the rows that have come: the button is below them, or gone.
async function more(desk, body, older) {
  const { next } = older.dataset;
  const page = await desk.strongroom.records(desk.team, next);
  if (next !== older.dataset.next) return; // read anew meanwhile, from the newest on
  const first = add(desk, body, older, page);
  first?.focus();
}

function add(desk, body, older, { records, next }) {
  learnNames(desk.names, records);
  nameWhatIsGone(body, desk.names);
  const made = records.map((one) => recordRow(one, desk.names));
  body.append(...made);
  older.hidden = !next;
  if (next) older.dataset.next = next;
  made[0]?.setAttribute("tabindex", "-1");
  return made[0];
}

// What is uninstalled is in no list any more, but the records still say its name.
function learnNames(names, records) {
  for (const { installation, facts } of records) {
    if (installation && facts.name && !names.has(installation)) names.set(installation, facts.name);
  }
}

// An older record may say the name of what a newer one was about.
function nameWhatIsGone(body, names) {
  for (const unnamed of body.querySelectorAll("[data-gone]")) {
    const name = names.get(unnamed.dataset.gone);
    if (name) unnamed.replaceWith(name);
  }
}

function serverOf(installation, names) {
  if (!installation) return "";
  const gone = () => element("span", { "data-gone": installation }, `not there any more (${installation})`);
  return names.get(installation) ?? gone();
}

function recordRow({ at, text, by, user, installation, facts, link }, names) {
  const what = link ? [...inLocalTime(text), " ", linkTo(link, "Do it there")] : inLocalTime(text);
  return row(timeAt(at), what, by ?? "", user ?? "", serverOf(installation, names), factsInWords(facts));
}

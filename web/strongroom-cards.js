// The cards of a list. A card is made anew only when what it shows has changed, so that focus stays, and what is open,
// and what an admin is typing in a panel.
import { card } from "./strongroom-card.js";
import { standingOf } from "./strongroom-words.js";

export class Cards {
  #place;
  #make;
  #cards = new Map(); // by installation: {article, shows, activity, timeline, manage, about}
  #activities = new Map(); // by installation: {kind: "beginning"}, {kind: "agreeing", ...} or {kind: "waiting", ...}
  #notices = new Map(); // by installation: {sentence, kind}, what has just come of it
  #shown = []; // installations, as last drawn
  #context = null;

  // `make`: `{timeline, manage, connect, revoke}`, each of an installation, of which the first two give nodes or null;
  // and `outdated()`, told when a notice is no news any more.
  constructor(place, make) {
    this.#place = place;
    this.#make = make;
  }

  // Show these installations, and `after` below them. `context`: `{role, user, alone, wanting}`, the last a set of ids.
  draw(installations, context, after = []) {
    this.#shown = installations;
    this.#context = context;
    this.#arrange([...installations.map((installation) => this.#article(installation)), ...after]);
    this.#readAgain();
  }

  // What is open shows more than the list tells of it, and may have become old with it.
  #readAgain() {
    for (const part of this.#place.querySelectorAll("details[open]")) part.dispatchEvent(new Event("strongroom-again"));
  }

  // Forget what is about installations that are not there any more.
  drop(installations) {
    const present = new Set(installations.map(({ installation }) => installation));
    for (const kept of [this.#cards, this.#notices]) {
      for (const id of kept.keys()) if (!present.has(id)) kept.delete(id);
    }
  }

  clear() {
    for (const { authorization } of this.#activities.values()) authorization?.stop();
    for (const kept of [this.#cards, this.#activities, this.#notices]) kept.clear();
    this.#shown = [];
    this.#place.replaceChildren();
  }

  activity(id) {
    return this.#activities.get(id) ?? null;
  }

  // What is under way takes the place of what came before; null: nothing is.
  under(id, activity) {
    if (activity) this.#notices.delete(id);
    if (activity) this.#activities.set(id, activity);
    else this.#activities.delete(id);
    this.#redraw(id);
    if (activity) this.focusIfHere(id, "panel");
  }

  // Whether there is a card that shows it now.
  notice(id, notice) {
    this.#notices.set(id, notice);
    return this.#redraw(id);
  }

  focus(id, act) {
    this.#cards.get(id)?.article.querySelector(`[data-act="${act}"]`)?.focus();
  }

  // The person's look may be elsewhere by now: it is not pulled away from there.
  focusIfHere(id, act) {
    const { activeElement } = document;
    if (activeElement === document.body || this.#cards.get(id)?.article.contains(activeElement)) this.focus(id, act);
  }

  #redraw(id) {
    const installation = this.#shown.find((one) => one.installation === id);
    if (installation) this.#article(installation);
    return Boolean(installation);
  }

  // What is there already and in its place is not touched.
  #arrange(nodes) {
    const there = this.#place.childNodes;
    if (nodes.length === there.length && nodes.every((node, at) => node === there[at])) return;
    const focused = this.#place.contains(document.activeElement) ? document.activeElement : null;
    this.#place.replaceChildren(...nodes);
    (focused?.isConnected ? focused : focused && this.#place)?.focus({ preventScroll: true });
  }

  // The card as it is, if nothing of what it shows has changed.
  #article(installation) {
    const id = installation.installation;
    const before = this.#cards.get(id);
    const about = { timeline: ofTimeline(installation), manage: ofManaging(installation, this.#context.role) };
    // What has just come of something is no news any more once the connection has changed again.
    if (before && before.about.timeline !== about.timeline && this.#notices.delete(id)) this.#make.outdated();
    const { role, user, alone, wanting } = this.#context;
    const view = { role, user, alone, notice: this.#notices.get(id) ?? null, more: wanting.has(id) };
    // How it stands depends on the hour too.
    const [activity, shows] = [this.activity(id), JSON.stringify([installation, standingOf(installation), view])];
    if (before?.shows === shows && before.activity === activity) return before.article;
    const focused = before?.article.contains(document.activeElement) ? document.activeElement : null;
    const kept = this.#kept(installation, about, before);
    const { connect, revoke } = this.#make;
    const { timeline, manage } = kept;
    const article = card(installation, { ...view, activity, timeline, manage, connect, revoke });
    this.#cards.set(id, { article, shows, activity, ...kept });
    if (before) exchange(before.article, article, focused);
    return article;
  }

  // The timeline stays until the connection changes, the admin's panel until the installation does and it is closed.
  #kept(installation, about, before) {
    const timelineStays = before?.about.timeline === about.timeline;
    const isInUse = this.#context.role === "team_admin" && isOpen(before?.manage);
    const manageStays = before && (before.about.manage === about.manage || isInUse);
    return {
      timeline: timelineStays ? before.timeline : this.#make.timeline(installation),
      manage: manageStays ? before.manage : this.#make.manage(installation),
      about: { timeline: about.timeline, manage: manageStays ? before.about.manage : about.manage },
    };
  }
}

function ofTimeline({ name, enabled, connection }) {
  return JSON.stringify([name, enabled, connection]);
}

function ofManaging({ connection, ...rest }, role) {
  return JSON.stringify([rest, role]);
}

function isOpen(panel) {
  return Boolean(panel && (panel.open || panel.querySelector("details[open]")));
}

function exchange(before, after, focused) {
  const open = [...before.querySelectorAll("details[data-part][open]")].map(({ dataset }) => dataset.part);
  before.replaceWith(after);
  for (const part of open) after.querySelector(`details[data-part="${part}"]`)?.setAttribute("open", "");
  if (!focused) return;
  const again = after.contains(focused) ? focused : after.querySelector(`[data-act="${focused.dataset.act}"]`);
  (again ?? after.querySelector("h3")).focus({ preventScroll: true });
}

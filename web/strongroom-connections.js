// The list of a team's installations as a custom element, for this page and for pages of others:
//
//   <strongroom-connections api="https://strongroom.example.com" team="acme"></strongroom-connections>
//
// with the property `token`, an async function that gives the person's access token, or null, and `called`, what to call
// that person; without it they are called as the token's `sub`. The attribute `installation` shows that one alone. The
// API is asked when the element appears, when the tab is seen again and when another window has finished an
// authorization, and never by a timer.
import { forAdmins } from "./strongroom-admins.js";
import { SignedOut, Strongroom } from "./strongroom-api.js";
import { Cards } from "./strongroom-cards.js";
import { whenFinished } from "./strongroom-connect.js";
import { button, element, replace } from "./strongroom-dom.js";
import { Flows } from "./strongroom-flows.js";
import { timeline, wantsMore } from "./strongroom-timeline.js";
import { emptyFor, mayConnect, nothingFor, problemOf, summaryOf } from "./strongroom-words.js";

const SEEN_AGAIN = 15_000; // milliseconds between two refreshes because the tab is seen again

export class StrongroomConnections extends HTMLElement {
  static observedAttributes = ["api", "team", "installation"];

  #token = null;
  #called = null;
  #manage = null;
  #strongroom = null;
  #list = null; // {role, installations, user}, as last read
  #wanting = new Set(); // installations whose server wants more than was allowed
  #loaded = Promise.resolve();
  #queued = null;
  #loadedAt = 0;
  #isOld = false; // whether the last try to read it failed, and the person was told so
  #arrived = false; // whether the person was led to the one that a link names
  #ends = [];

  #heading = element("h2", { tabindex: "-1" });
  #summary = element("p", { class: "strongroom-summary" });
  #said = element("p", { class: "strongroom-said" });
  #body = element("div", { class: "strongroom-list", tabindex: "-1" });
  #cards = new Cards(this.#body, {
    timeline: (one) => (one.connection ? timeline(this.#strongroom, this.#team, one) : null),
    manage: (one) => this.#managing(one),
    connect: (one, how) => this.#flows.connect(one, how),
    revoke: (one) => this.#flows.revoke(one),
    outdated: () => this.#unread(),
  });
  #flows = new Flows(this.#cards, this.#forFlows());

  connectedCallback() {
    for (const name of ["token", "called", "manage"]) this.#adopt(name);
    if (!this.#body.isConnected) this.#furnish();
    const seen = () => this.#seen();
    const trouble = (event) => this.#trouble(event);
    document.addEventListener("visibilitychange", seen);
    this.addEventListener("strongroom-problem", trouble);
    this.#ends = [
      whenFinished(() => this.refresh()),
      () => document.removeEventListener("visibilitychange", seen),
      () => this.removeEventListener("strongroom-problem", trouble),
    ];
    this.refresh();
  }

  disconnectedCallback() {
    for (const end of this.#ends) end();
  }

  attributeChangedCallback(name, before, after) {
    if (before === after) return;
    this.#arrived = false;
    if (name !== "installation") this.#forget();
    if (this.#list) this.#draw();
    this.refresh();
  }

  // What a page has set before this element was defined.
  #adopt(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    delete this[name];
    this[name] = value;
  }

  get token() {
    return this.#token;
  }

  set token(value) {
    if (this.#token && value !== this.#token) this.#forget(); // it may speak for somebody else
    if (value !== this.#token) this.#called = null;
    this.#token = value;
    this.refresh();
  }

  get called() {
    return this.#called;
  }

  set called(value) {
    this.#called = value;
    if (this.#list) this.refresh();
  }

  get manage() {
    return this.#manage;
  }

  set manage(value) {
    this.#manage = value;
    this.#cards.clear();
    if (this.#list) this.#draw();
  }

  get #team() {
    return this.getAttribute("team");
  }

  get #alone() {
    return this.getAttribute("installation");
  }

  #furnish() {
    const said = { class: "strongroom-status", role: "status", "aria-atomic": "false" };
    replace(this, this.#heading, element("div", said, this.#summary, this.#said), this.#body);
  }

  #forget() {
    this.#strongroom = null;
    this.#list = null;
    this.#wanting.clear();
    this.#cards.clear();
    this.#body.removeAttribute("aria-busy");
    this.#summarize("");
    this.say("");
  }

  #forFlows() {
    const list = this;
    return {
      get strongroom() {
        return list.#strongroom;
      },
      get team() {
        return list.#team;
      },
      get isOld() {
        return list.#isOld;
      },
      find: (id) => list.#find(id),
      mayConnect: (installation) => mayConnect(installation, list.#list?.role),
      refresh: () => list.refresh(),
      notice: (id, notice) => list.#notice(id, notice),
      readOut: (id, sentence) => list.#readOut(id, sentence),
      complain: (problem, id) => list.#complain(problem, id),
    };
  }

  #isManaged() {
    return Boolean(this.#manage) && this.#list?.role === "team_admin";
  }

  #managing(installation) {
    if (!this.#isManaged()) return null;
    const { role } = this.#list;
    const here = { strongroom: this.#strongroom, team: this.#team, role, changed: () => this.refresh() };
    return this.#manage(installation, here);
  }

  // Show in its installation's card that an authorization is under way, until it has ended.
  follow(authorization) {
    return this.#flows.follow(authorization);
  }

  // -- Saying things

  // Say a sentence where it is seen and read out. `kind`: `done`, `note` or `trouble`.
  say(sentence, kind = "note") {
    this.#said.className = `strongroom-said strongroom-${kind}`;
    this.#said.textContent = sentence;
  }

  // Read out what a card shows already, with the server's name.
  #readOut(id, sentence) {
    const name = this.#find(id)?.name;
    this.#said.className = "strongroom-said strongroom-unseen";
    this.#said.textContent = name ? `${name}: ${sentence}` : sentence;
  }

  // Whoever comes by what was read out must not find what is not true any more.
  #unread() {
    if (this.#said.classList.contains("strongroom-unseen")) this.say("");
  }

  // The same words set again would be read out again, at every refresh.
  #summarize(sentence) {
    if (this.#summary.textContent !== sentence) this.#summary.textContent = sentence;
  }

  #notice(id, told) {
    const notice = this.#isManaged() ? { ...told, sentence: forAdmins(told.sentence) } : told;
    if (!id || !this.#cards.notice(id, notice)) return this.say(notice.sentence, notice.kind);
    this.#readOut(id, notice.sentence);
  }

  #trouble(event) {
    event.stopPropagation();
    this.#complain(event.detail, event.target.closest("[data-installation]")?.dataset.installation);
  }

  #complain(problem, id) {
    if (problem instanceof SignedOut) return this.#tell("strongroom-signed-out", problem);
    this.#notice(id, { sentence: problemOf(problem), kind: "trouble" });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }

  // -- Loading

  // Read the list again. Resolves when what is shown is not older than this call.
  refresh() {
    this.#queued ??= this.#loaded.then(() => {
      this.#queued = null;
      this.#loaded = this.#load();
      return this.#loaded;
    });
    return this.#queued;
  }

  #seen() {
    if (document.visibilityState === "visible" && Date.now() - this.#loadedAt > SEEN_AGAIN) this.refresh();
  }

  async #load() {
    const [api, team, token] = [this.getAttribute("api"), this.#team, this.#token];
    const isStill = () => api === this.getAttribute("api") && team === this.#team && token === this.#token;
    if (!this.isConnected || !this.#token || !api || !team) return;
    if (!this.#list) this.#loading();
    try {
      this.#strongroom ??= new Strongroom({ origin: api, token: async () => token() });
      const [user, list] = [await this.#strongroom.user(), await this.#strongroom.list(team)];
      if (isStill()) await this.#take({ ...list, user: this.#called ?? user });
    } catch (problem) {
      if (isStill()) await this.#failed(problem);
    }
  }

  async #take(list) {
    this.#list = list;
    this.#loadedAt = Date.now();
    if (this.#isOld) this.say("");
    this.#isOld = false;
    await this.#askWhetherMore();
    this.#draw();
    this.#tell("strongroom-listed", list);
  }

  // Only of the one that a link led to: the link may be for that very reason, which the list does not tell.
  async #askWhetherMore() {
    const id = this.#alone;
    this.#wanting.clear();
    if (this.#find(id)?.connection?.status !== "connected") return;
    const told = await this.#strongroom.timeline(this.#team, id).catch(() => ({ events: [] }));
    if (wantsMore(told)) this.#wanting.add(id);
  }

  #loading() {
    this.#heading.textContent = `Team ${this.#team}`;
    this.#summarize("Loading the connections.");
    this.#body.setAttribute("aria-busy", "true");
  }

  async #failed(problem) {
    this.#body.removeAttribute("aria-busy");
    this.#isOld = this.#list !== null;
    if (this.#list || problem instanceof SignedOut) return this.#complain(problem);
    const user = this.#called ?? (await this.#strongroom?.user().catch(() => null));
    const isNothing = problem.status === 404;
    this.#summarize(isNothing ? nothingFor(user, this.#team, null, Boolean(this.#alone)) : problemOf(problem));
    replace(this.#body, button("Try again", () => this.refresh(), { class: isNothing ? "secondary outline" : null }));
  }

  // -- Drawing

  #find(id) {
    return this.#list?.installations.find(({ installation }) => installation === id) ?? null;
  }

  #draw() {
    const { installations, role, user } = this.#list;
    this.#body.removeAttribute("aria-busy");
    this.#heading.textContent = `Team ${this.#team}`;
    this.#cards.drop(installations);
    const context = { role, user, alone: Boolean(this.#alone), wanting: this.#wanting };
    if (this.#alone) return this.#drawAlone(context);
    this.#summarize(installations.length ? summaryOf(installations, role) : emptyFor(role));
    this.#cards.draw(installations, context);
  }

  #drawAlone(context) {
    const found = this.#find(this.#alone);
    const all = button(`Show all of team ${this.#team}`, () => this.#showAll(), { class: "secondary outline" });
    this.#summarize(found ? "" : nothingFor(context.user, this.#team, this.#alone));
    this.#cards.draw(found ? [found] : [], context, [all]);
    if (found && !this.#arrived) this.#cards.focusIfHere(this.#alone, "heading");
    this.#arrived = true;
  }

  #showAll() {
    this.#tell("strongroom-all", null);
    this.removeAttribute("installation");
    this.#heading.focus();
  }
}

customElements.define("strongroom-connections", StrongroomConnections);

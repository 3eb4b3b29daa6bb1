// What a person does with one installation, and what is said of it: connect, wait for what comes of it, revoke.
import { SignedOut } from "./strongroom-api.js";
import { closedWords, openWords } from "./strongroom-card.js";
import { begin, offered } from "./strongroom-connect.js";
import { confirmed } from "./strongroom-dom.js";
import { GONE, NOT_BEGUN, REVOKED, outcomeOf, problemOf, revokeQuestion } from "./strongroom-words.js";

export class Flows {
  #cards;
  #list;

  // `list`: what the flows need of the list: `{strongroom, team, isOld, find, mayConnect, refresh,
  // notice, readOut, complain}`.
  constructor(cards, list) {
    this.#cards = cards;
    this.#list = list;
  }

  // Inside the click, so that a window may be opened. `seen`: where it leads stood beside the button. What is folded
  // away counts as not shown: the person is asked first.
  async connect(installation, { seen }) {
    const id = installation.installation;
    const { strongroom, team } = this.#list;
    const isStill = () => strongroom === this.#list.strongroom;
    const shown = seen ? offered(installation) : null;
    const agree = (begun) => isStill() && this.#agree(id, begun, shown);
    const begun = begin(strongroom, { team, installation: id, shown, agree });
    this.#cards.under(id, { kind: "beginning" });
    try {
      const authorization = await begun;
      if (!isStill()) return;
      if (authorization) return await this.follow(authorization);
      this.#cards.under(id, null);
      this.#list.notice(id, { sentence: NOT_BEGUN, kind: "note" });
    } catch (problem) {
      if (!isStill()) return;
      await this.#notBegun(id, problem);
    }
    this.#cards.focusIfHere(id, "heading");
  }

  async #notBegun(id, problem) {
    this.#cards.under(id, null);
    if (problem instanceof SignedOut) return this.#list.complain(problem);
    await this.#list.refresh();
    this.#list.notice(id, { sentence: this.#list.find(id) ? problemOf(problem) : GONE, kind: "trouble" });
  }

  // The yes has to be a click, and what it opens is opened inside of it.
  #agree(id, begun, shown) {
    return new Promise((decide) => {
      const answer = (agreed) => {
        decide(agreed);
        if (agreed) this.#cards.under(id, { kind: "beginning" });
      };
      this.#cards.under(id, { kind: "agreeing", begun, shown, answer });
      this.#list.readOut(id, `Before you go on to ${begun.provider_host}: read where it leads.`);
    });
  }

  // Show that an authorization is under way, until it has ended.
  async follow(authorization) {
    const id = authorization.installation;
    this.#cards.under(id, { kind: "waiting", authorization, open: true });
    this.#readOut(authorization, true);
    try {
      const outcome = await authorization.settled({ onWindow: (open) => this.#windowSeen(authorization, open) });
      await this.#settled(authorization, outcome);
    } catch (problem) {
      this.#ended(authorization);
      this.#list.complain(problem, id);
    }
  }

  #windowSeen(authorization, open) {
    const id = authorization.installation;
    if (this.#cards.activity(id)?.authorization !== authorization) return;
    this.#cards.under(id, { kind: "waiting", authorization, open });
    this.#readOut(authorization, open);
  }

  #readOut({ installation, facts }, open) {
    this.#list.readOut(installation, open ? openWords(facts.provider_host) : closedWords(facts.provider_host));
  }

  #ended(authorization) {
    const id = authorization.installation;
    if (this.#cards.activity(id)?.authorization === authorization) this.#cards.under(id, null);
  }

  async #settled(authorization, outcome) {
    const id = authorization.installation;
    await this.#list.refresh();
    if (this.#cards.activity(id)?.authorization !== authorization) return;
    this.#ended(authorization);
    this.#list.notice(id, this.#come(outcome, this.#list.find(id)));
    this.#cards.focusIfHere(id, "heading");
  }

  // What is listed counts only if it could be read since.
  #come(outcome, found) {
    if (this.#list.isOld) return outcomeOf(outcome);
    if (!found) return { sentence: GONE, kind: "trouble" };
    return outcomeOf(outcome, found.connection, this.#list.mayConnect(found));
  }

  async revoke(installation) {
    const id = installation.installation;
    const { strongroom, team } = this.#list;
    if (!(await confirmed(revokeQuestion(installation, team)))) return;
    if (this.#list.strongroom !== strongroom) return; // somebody else is signed in by now
    try {
      await strongroom.revoke(team, id);
    } catch (problem) {
      await this.#list.refresh();
      return this.#list.complain(problem, id);
    }
    await this.#list.refresh();
    this.#list.notice(id, { sentence: REVOKED, kind: "done" });
    this.#cards.focus(id, "heading");
  }
}

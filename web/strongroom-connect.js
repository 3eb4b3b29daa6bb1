// Connecting: the provider's window, waiting for what comes of it, and finishing what came back.
//
// Three rules hold it together. The window is opened inside the click, or browsers block it. Only the page that the
// provider's answer arrives at completes, since it alone has the completion secret. And windows tell each other nothing
// but which authorization to look at again: what came of it, each reads from the API as the person who is signed in.
import { Refused, SignedOut, Unreachable } from "./strongroom-api.js";

const BEGUN = "strongroom.begun.";
const ARRIVAL = "strongroom.arrival";
const CHANNEL = "strongroom";
const ID = /^[A-Za-z0-9_-]{43}$/;
const UNDER_WAY = new Set(["pending", "returned", "redeeming"]);
const WINDOW = "popup,width=560,height=760";
const [SOON, LATER] = [2_000, 5_000]; // milliseconds between two looks: in the first minute, and after it
const FIRST_MINUTE = 60_000;
const TEN_MINUTES = 600_000; // an authorization's life, by this machine's own clock, which may not be the API's
const GRACE = 60_000; // the API says when an authorization has expired; this is for when it cannot be reached
const ALWAYS_ASKED = "offline_access"; // staying connected while the person is away is what Strongroom is for

// -- Beginning

// Begin to connect, inside a click. Gives the authorization under way, or null if the person did not agree.
//
// `installation` is an id, or an async function that gives one. `shown` is what the person saw before the click (as
// `offered` gives it); if what was begun differs from it, `agree` is asked with the facts, and its yes has to be a
// click. A browser that opens no window goes to the provider in this very tab.
export async function begin(strongroom, { team, installation, shown = null, agree }) {
  let opened = shown && openWindow(); // with nothing shown the person is asked in any case, and that click opens one
  try {
    const id = typeof installation === "function" ? await installation() : installation;
    const facts = await strongroom.authorize(team, id);
    if (!isWhatWasShown(shown, facts)) {
      opened?.close();
      const askedAt = Date.now();
      if (!(await agree(facts))) return null;
      if (Date.now() - askedAt > TEN_MINUTES) return begin(strongroom, { team, installation: id, shown: facts, agree });
      opened = openWindow();
    }
    const authorization = new Authorization(strongroom, id, facts, opened);
    remember(authorization, { user: await strongroom.user(), team });
    authorization.leave();
    return authorization;
  } catch (problem) {
    opened?.close();
    throw problem;
  }
}

// What may be shown before the click, from an installation as the list has it; null if nothing is known yet.
export function offered(installation) {
  const provider = installation.provider;
  if (!provider?.authorization_host || !provider.token_host) return null;
  return {
    mcp_host: hostIn(installation.url),
    provider_host: provider.authorization_host,
    token_host: provider.token_host,
    scopes: installation.scopes.length ? installation.scopes : provider.scopes,
    parameters: provider.parameters,
    pkce_unlisted: provider.pkce_unlisted,
  };
}

// The host of an MCP server's URL just as it was entered, which is how the API tells it; null without a URL.
export function hostIn(url) {
  return /^https?:\/\/([^/?#]+)/i.exec(url ?? "")?.[1] ?? null;
}

export function isWhatWasShown(shown, begun) {
  return shown !== null && spelled(shown) === spelled(begun);
}

function spelled(facts) {
  const scopes = facts.scopes.filter((scope) => scope !== ALWAYS_ASKED).sort();
  const added = Object.entries(facts.parameters).sort();
  return JSON.stringify([facts.mcp_host, facts.provider_host, facts.token_host, scopes, added, facts.pkce_unlisted]);
}

function openWindow() {
  const opened = window.open("about:blank", "", WINDOW);
  if (!opened) return null;
  opened.opener = null; // whatever is shown there has no hold on this page
  opened.document.title = "One moment";
  write(opened, "One moment: Strongroom asks where to go.");
  return opened;
}

// In a window that shows no page yet.
function write(opened, sentence) {
  try {
    opened.document.body.textContent = sentence;
  } catch {
    // Closed meanwhile, or the person has gone elsewhere with it.
  }
}

function pageOf(authorizationUrl) {
  const target = new URL(authorizationUrl);
  if (!["https:", "http:"].includes(target.protocol)) throw new Error("This is no address of a provider.");
  return target.href;
}

// One authorization that was begun here.
export class Authorization {
  #strongroom;
  #window;
  #stopping = new AbortController();
  #begunAt = Date.now();

  constructor(strongroom, installation, facts, opened) {
    this.#strongroom = strongroom;
    this.#window = opened;
    this.installation = installation;
    this.facts = facts;
    this.id = facts.authorization_id;
    this.way = opened ? "popup" : "tab";
  }

  // Go to the provider: there if a window was opened, else here.
  leave() {
    const target = pageOf(this.facts.authorization_url);
    if (!this.#window) return location.assign(target);
    write(this.#window, `Waiting for ${this.facts.provider_host} to answer.`);
    this.#window.location.replace(target);
  }

  // Inside a click: show the provider's page once more, in a new window. The one before is out of reach: on another
  // origin, and without an opener.
  reopen() {
    this.#window = openWindow();
    this.way = this.#window ? "popup" : "tab"; // a browser that opened the first one may block this one
    rememberWay(this);
    this.leave();
  }

  // Stop waiting. What the person still does at the provider arrives all the same, and is finished there.
  stop() {
    this.#stopping.abort();
  }

  // Wait until it has ended: `{state, code, installation, begun_at}`, where `code` is ours, of what went wrong, or null,
  // and `begun_at` seconds since the epoch by the API's clock.
  // `onWindow` is told when the window looks closed, and when it is open again. Looks only: a provider may isolate its
  // window, which then looks closed from here.
  async settled({ onWindow = () => {} } = {}) {
    const nudges = new Nudges(this.id);
    const began = Date.now();
    let open = true;
    try {
      while (!this.#stopping.signal.aborted) {
        const state = await this.#state();
        if (state === "failed") await nudges.told(LATER, this.#stopping.signal);
        if (!UNDER_WAY.has(state)) return this.#ended(state, nudges.code);
        if (nudges.code === "declined") return this.#ended("declined", null); // its secret is gone: nothing comes of it
        // After that the window is on its way back, and is isolated by our own callback.
        if (state === "pending" && open === this.#looksClosed()) onWindow((open = !open));
        await nudges.next(Date.now() - began < FIRST_MINUTE ? SOON : LATER, this.#stopping.signal);
      }
      return this.#ended("stopped", null);
    } finally {
      nudges.end();
    }
  }

  #looksClosed() {
    return this.#window?.closed ?? false;
  }

  async #state() {
    try {
      return (await this.#strongroom.authorization(this.id)).state;
    } catch (problem) {
      if (problem instanceof SignedOut) throw problem;
      if (problem instanceof Refused && problem.status === 404) return "failed";
      return Date.now() > this.#begunAt + TEN_MINUTES + GRACE ? "expired" : "pending";
    }
  }

  #ended(state, code) {
    const { installation, facts } = this;
    return { state, code: state === "failed" ? code : null, installation, begun_at: begunAt(facts) };
  }
}

function begunAt({ expires_at }) {
  return expires_at - TEN_MINUTES / 1000;
}

// -- Between windows of this browser: which authorization to look at again, and our code of what went wrong with it.

class Nudges {
  #channel = new BroadcastChannel(CHANNEL);
  #wake = () => {};
  code = null;

  constructor(id) {
    this.#channel.onmessage = ({ data }) => {
      if (data?.authorization !== id) return;
      this.code = typeof data.result === "string" ? data.result : null;
      this.#wake();
    };
    document.addEventListener("visibilitychange", this.#seen);
  }

  #seen = () => {
    if (document.visibilityState === "visible") this.#wake();
  };

  // Wait so many milliseconds, or until something may have happened.
  next(milliseconds, signal) {
    return new Promise((go) => {
      const timer = setTimeout(go, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        go();
      };
      signal.addEventListener("abort", this.#wake, { once: true });
    });
  }

  // Wait until the window that was to finish it says what went wrong, or so many milliseconds: the API knows that
  // something did before that window has been told.
  async told(milliseconds, signal) {
    const until = Date.now() + milliseconds;
    while (this.code === null && Date.now() < until && !signal.aborted) await this.next(until - Date.now(), signal);
  }

  end() {
    document.removeEventListener("visibilitychange", this.#seen);
    this.#channel.close();
  }
}

// Hear of every authorization that another window has finished. Gives a function that ends it.
export function whenFinished(hear) {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = () => hear();
  return () => channel.close();
}

function nudge(id, result) {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage({ authorization: id, result });
  channel.close();
}

// -- What this browser remembers of having begun

function remember(authorization, { user, team }) {
  const { id, installation, way, facts } = authorization;
  const expiresAt = Math.max(facts.expires_at, (Date.now() + TEN_MINUTES) / 1000);
  keep(id, { user, team, installation, way, expires_at: expiresAt });
}

function rememberWay({ id, way }) {
  const begun = begunHere(id);
  if (begun) keep(id, { ...begun, way });
}

function keep(id, { user, team, installation, way, expires_at }) {
  localStorage.setItem(BEGUN + id, JSON.stringify({ user, team, installation, way, expires_at }));
}

// Who began this authorization in this very browser, where, and in which way; null if nobody did.
export function begunHere(id) {
  return JSON.parse(localStorage.getItem(BEGUN + id) ?? "null");
}

function forget(id) {
  localStorage.removeItem(BEGUN + id);
}

// Forget what is over anyway.
export function forgetOld(now = Date.now() / 1000) {
  for (const key of Object.keys(localStorage).filter((one) => one.startsWith(BEGUN))) {
    if (!(JSON.parse(localStorage.getItem(key)).expires_at > now)) localStorage.removeItem(key);
  }
}

// -- Arriving

// Take what a consent brought back: out of the address at once, so that neither history nor anything that loads later
// has it, and into this tab's storage, so that it survives a sign-in. Gives `{id, secret, outcome}`, or null.
export function takeArrival() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const id = fragment.get("authorization");
  if (id !== null) {
    history.replaceState(history.state, "", location.pathname + location.search);
    const arrival = { id, secret: fragment.get("secret"), outcome: fragment.get("outcome") };
    if (ID.test(id)) sessionStorage.setItem(ARRIVAL, JSON.stringify(arrival));
  }
  return JSON.parse(sessionStorage.getItem(ARRIVAL) ?? "null");
}

function dropArrival() {
  sessionStorage.removeItem(ARRIVAL);
}

// Finish what arrived, as the person who is signed in. Gives what came of it:
//
// `{state, code, facts, user, name, connection, begun_at}`: `completed`, `denied`, `failed`, `expired`; `declined` if the
// person said no when asked; `someone_else` if `user` began it here and another is signed in; `not_yours` if the person who is
// signed in did not begin it, and then it has been ended: whoever began it must not come by what was consented to here.
// `name` is the server's, and `connection` how the person's stands now; each is null if that is not known.
//
// It asks nobody only if this very person began it in this very browser, and nobody else is concerned. `ask` is given
// `{facts, installation, user, shared, here}`.
//
// Raises: SignedOut, and whatever may pass (Unreachable, a 503, finishing that is still under way): what arrived is
// kept then, and may be finished again.
export async function finish(strongroom, arrival, { ask }) {
  const user = await strongroom.user();
  if (user === null) throw new SignedOut(401, { message: "Nobody is signed in." });
  const begun = begunHere(arrival.id);
  if (begun && begun.user !== user) return { ...NOTHING_KNOWN, state: "someone_else", user: begun.user };
  const facts = await factsOf(strongroom, arrival.id);
  if (!facts) return over(arrival, "not_yours", await ended(strongroom, arrival), { user });
  const state = UNDER_WAY.has(facts.state) && !arrival.secret ? "failed" : facts.state;
  if (!UNDER_WAY.has(state)) return withStanding(strongroom, over(arrival, state, null, { facts, user }));
  const { installation } = await strongroom.look(facts.team, facts.installation);
  const shared = installation.sharing === "shared";
  if ((shared || !begun) && !(await ask({ facts, installation, user, shared, here: begun !== null }))) {
    return over(arrival, "declined", null, { facts, user, name: installation.name });
  }
  return complete(strongroom, arrival, { facts, user, name: installation.name }, shared);
}

// With the server's name, and how the person's connection stands: for words alone, so nothing fails for it, and
// other windows have been told before.
async function withStanding(strongroom, done) {
  const seen = await strongroom.look(done.facts.team, done.facts.installation).catch(() => null);
  return seen ? { ...done, name: seen.installation.name, connection: seen.installation.connection } : done;
}

async function factsOf(strongroom, id) {
  try {
    return await strongroom.authorization(id);
  } catch (problem) {
    if (problem instanceof Refused && problem.code === "not_found") return null;
    throw problem;
  }
}

// The right secret with the wrong person ends an authorization, and the team's records say so.
async function ended(strongroom, arrival) {
  if (!arrival.secret) return null;
  try {
    await strongroom.complete(arrival.id, { secret: arrival.secret });
  } catch (problem) {
    if (mayPass(problem)) throw problem;
  }
  return null;
}

async function complete(strongroom, arrival, known, shared) {
  try {
    const proof = { secret: arrival.secret, ...(shared ? { confirm_shared: true } : {}) };
    const done = await strongroom.complete(arrival.id, proof);
    if (UNDER_WAY.has(done.state)) throw new Refused(409, { error: "being_finished" }); // by a request before this one
    return over(arrival, done.state, null, { ...known, connection: done.connection });
  } catch (problem) {
    if (mayPass(problem)) throw problem;
    return withStanding(strongroom, over(arrival, "failed", problem.code ?? null, known));
  }
}

const PASSING = new Set(["being_finished", "internal_error", "too_many_requests", "unavailable"]);

// Whether the same may well succeed when it is tried again. What has no code of ours did not come from Strongroom, but
// from something on the way to it.
function mayPass(problem) {
  if (problem instanceof Unreachable || problem instanceof SignedOut) return true;
  if (!(problem instanceof Refused)) return false;
  return problem.code === null || PASSING.has(problem.code) || problem.status === 503;
}

// The person will not finish what arrived: nothing comes of it any more, and whoever waits for it waits no longer.
export function decline(arrival) {
  return over(arrival, "declined", null, {});
}

const NOTHING_KNOWN = { code: null, facts: null, user: null, name: null, connection: null, begun_at: null };

function over(arrival, state, code, known) {
  dropArrival();
  forget(arrival.id);
  nudge(arrival.id, code ?? state);
  return { ...NOTHING_KNOWN, ...known, begun_at: known.facts ? begunAt(known.facts) : null, state, code };
}

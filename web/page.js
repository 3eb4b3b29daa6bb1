// The Connections page: who is signed in, what has just arrived, and then the list. Opening it starts nothing.
import { SignIn, SignInRefused } from "./signin.js";
import { SignedOut, Strongroom } from "./strongroom-api.js";
import { begunHere, decline, finish, forgetOld, takeArrival } from "./strongroom-connect.js";
import "./strongroom-connections.js";
import { button, element, field, replace, tell } from "./strongroom-dom.js";
import { finishQuestion, finishSentence, problemOf } from "./strongroom-words.js";

const PAGE = "/connections";
const SIGNED_IN = "/connections/signed-in";
const TITLE = document.title;
const TEAM = "strongroom.team";
const TEAM_NAME = "[a-z0-9][a-z0-9\\-]{0,62}";

let arrival = takeArrival();
const settings = JSON.parse(document.querySelector('meta[name="strongroom"]').content);
const signIn = new SignIn({ ...settings, redirect_uri: settings.origin + SIGNED_IN });
const strongroom = new Strongroom({ origin: settings.origin, token: async () => signIn.token });
const at = (id) => document.getElementById(id);

let shown = { team: null, installation: null };
let list = null;
let latest = null; // what the list has last told
let entered = null; // the team that the person has entered, which is kept for the next time once it is known to be one

// -- Saying things: one region that is read out

function say(sentence, kind = "note") {
  replace(at("said"), sentence ? element("p", { class: `said ${kind}` }, sentence) : null);
}

function problem(detail) {
  if (detail instanceof SignedOut) return signedOut();
  if (!(detail instanceof SignInRefused)) return say(problemOf(detail), "trouble");
  say(detail.message, "trouble");
  if (!signIn.token) askToSignIn();
}

document.addEventListener("strongroom-problem", (event) => problem(event.detail));
document.addEventListener("strongroom-signed-out", signedOut);

function signedOut() {
  const typed = at("admin").childElementCount ? "; what was being typed here is gone" : "";
  signIn.forget();
  showWho(null);
  clearAway();
  say(`Your sign-in has ended. Sign in again to go on. What is connected stays${typed}.`);
  askToSignIn();
}

// -- Who is signed in

function showWho(user) {
  const name = element("strong", {}, "Strongroom");
  const who = user ? element("span", { id: "user" }, `Signed in as ${user}`) : null;
  const change = user
    ? button("Use another account", useAnother, { class: "outline secondary" })
    : null;
  replace(at("who"), element("nav", { "aria-label": "Account" }, name, element("div", { class: "who" }, who, change)));
}

// Nothing of whoever was signed in stays behind, for whoever comes to this screen next, or back to this page by the
// browser's own button.
function clearAway() {
  document.title = TITLE;
  for (const place of ["said", "question", "list", "admin"]) replace(at(place));
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}

function useAnother() {
  signIn.forget();
  clearAway();
  return signIn.begin(shown, { asSomebodyElse: true });
}

window.addEventListener("pageshow", ({ persisted }) => {
  if (!persisted || signIn.token) return;
  showWho(null);
  askToSignIn();
});

function askToSignIn() {
  const purpose = arrival ? "finish connecting" : shown.installation ? "see what to connect" : "see your connections";
  const signInButton = button("Sign in", () => signIn.begin(shown));
  replace(at("question"), element("p", {}, `Sign in to ${purpose}.`), signInButton);
  signInButton.focus();
}

// Take the question away. If it held focus, that goes to the top, and not nowhere.
function unask() {
  const held = at("question").contains(document.activeElement);
  replace(at("question"));
  if (held) at("title").focus();
}

// -- What is shown: a team, or one installation of it

function readAddress() {
  const query = new URLSearchParams(location.search);
  const team = query.get("team") ?? localStorage.getItem(TEAM);
  shown = { team: isTeam(team) ? team : null, installation: query.get("installation") };
}

function isTeam(text) {
  return new RegExp(`^${TEAM_NAME}$`).test(text ?? "");
}

function show(place) {
  shown = place;
  const query = new URLSearchParams(Object.entries(shown).filter(([, value]) => value));
  history.replaceState(null, "", query.size ? `${PAGE}?${query}` : PAGE);
}

function askForTeam() {
  const name = element("input", {
    name: "team",
    required: true,
    pattern: TEAM_NAME,
    value: shown.team ?? "",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
  });
  const form = element(
    "form",
    {
      class: "team",
      onsubmit: (event) => {
        event.preventDefault();
        entered = name.value;
        show({ team: name.value, installation: null });
        showList();
        at("title").focus();
      },
    },
    field("Team", name, "As your product calls it: small letters, digits and hyphens."),
    element("button", { type: "submit", class: shown.team ? "outline" : null }, "Show"),
  );
  if (!shown.team) return form;
  return element("details", { class: "team" }, element("summary", {}, "Another team"), form);
}

function showList() {
  replace(at("admin"));
  if (!shown.team) return replace(at("list"), askForTeam());
  const { team, installation } = shown;
  list = element("strongroom-connections", { api: settings.origin, team, installation });
  list.token = async () => signIn.token;
  list.called = signIn.name;
  list.manage = manage;
  list.addEventListener("strongroom-listed", ({ target, detail }) => target.isConnected && listed((latest = detail)));
  list.addEventListener("strongroom-all", showAll);
  replace(at("list"), list, askForTeam());
}

function showAll() {
  show({ team: shown.team, installation: null });
  listed(latest);
}

function listed({ role }) {
  if (shown.team === entered) localStorage.setItem(TEAM, entered); // and none that a link names
  if (role !== "team_admin" || shown.installation) return replace(at("admin"));
  if (at("admin").dataset.team === shown.team && at("admin").childElementCount) return;
  at("admin").dataset.team = shown.team;
  replace(at("admin"), element("h2", {}, `For admins of team ${shown.team}`), administer());
}

// What only admins use is loaded for admins alone.
function administer() {
  const here = { installed: () => list.refresh(), follow: (authorization) => list.follow(authorization) };
  return later(async () => {
    const [{ installForm }, { recordsPanel }] = await Promise.all([
      import("./admin-install.js"),
      import("./admin-records.js"),
    ]);
    return [installForm(strongroom, shown.team, here), recordsPanel(strongroom, shown.team)];
  });
}

function manage(installation, context) {
  return later(async () => (await import("./admin-manage.js")).managePanel(installation, context));
}

function later(made) {
  const place = element("div");
  made().then(
    (nodes) => replace(place, nodes),
    (failed) => tell(document, failed),
  );
  return place;
}

// -- What has come back from a provider

const FINISHING = "Finishing what you have allowed. That takes a few seconds.";
const LOOKING = "Looking at what came of it. That takes a moment.";

async function finishArrival() {
  const begun = begunHere(arrival.id);
  const inWindow = begun?.way === "popup";
  try {
    say(arrival.secret ? FINISHING : LOOKING);
    const done = await finish(strongroom, arrival, { ask });
    if (done.state === "someone_else") return askForTheOther(done);
    arrival = null;
    // Who began on a page of another origin sees the one thing that they came for.
    const alone = inWindow || !begun;
    if (done.facts) show({ team: done.facts.team, installation: alone ? done.facts.installation : null });
    said(done, inWindow, done.facts !== null && !begun);
    // Begun on a page of another origin, this may be the window that it opened. Not every browser lets a page close it.
    if (done.state === "completed" && begun?.way !== "tab") window.close();
    return !inWindow;
  } catch (failed) {
    if (failed instanceof SignedOut) throw failed;
    problem(failed);
    replace(at("question"), button("Try again", go));
    return false;
  }
}

function said(done, inWindow, fromElsewhere = false) {
  unask();
  const { sentence, kind } = finishSentence(done);
  say(sentence, kind);
  document.title = inWindow ? sentence : TITLE;
  if (inWindow) leadBack("Go on in the window that you came from.");
  if (fromElsewhere) leadBack("If you came from another page, go on there.");
}

function leadBack(where) {
  const close = button("Close this window", closeWindow);
  replace(at("question"), element("p", {}, where), close);
  close.focus();
}

function closeWindow() {
  window.close();
  if (window.closed || at("said").childElementCount > 1) return;
  at("said").append(element("p", { class: "said note" }, "Your browser lets nobody but you close this window."));
}

function askForTheOther(done) {
  const { user } = done;
  say(finishSentence(done).sentence);
  const other = button(`Sign in as ${user}`, useAnother);
  replace(at("question"), other, button("Do not connect", forgetArrival, { class: "secondary" }));
  other.focus();
  return false;
}

function forgetArrival() {
  const inWindow = begunHere(arrival.id)?.way === "popup";
  said(decline(arrival), inWindow);
  arrival = null;
  if (!inWindow) showList();
}

function ask(question) {
  const { title, text, yes, no } = finishQuestion({ ...question, called: signIn.name ?? question.user });
  say(null);
  return new Promise((decide) => {
    document.title = title;
    const heading = element("h2", { tabindex: "-1" }, title);
    const choose = (answer) => () => {
      unask();
      decide(answer);
    };
    replace(
      at("question"),
      element(
        "article",
        { class: "question" },
        heading,
        ...text.map((line) => element("p", {}, line)),
        element(
          "footer",
          {},
          element("button", { type: "button", onclick: choose(true) }, yes),
          element("button", { type: "button", class: "secondary", onclick: choose(false) }, no),
        ),
      ),
    );
    heading.focus();
  });
}

// -- Start

async function start() {
  forgetOld();
  readAddress();
  showWho(null);
  if (location.pathname === SIGNED_IN) await comeBack();
  // Whoever comes from a provider is in the middle of something.
  if (!signIn.token && (arrival || signIn.wasSignedIn)) return signIn.begin(shown);
  if (!signIn.token) return askToSignIn();
  return go();
}

async function go() {
  showWho(signIn.name ?? (await strongroom.user()));
  unask();
  if (!arrival || (await finishArrival())) showList();
}

async function comeBack() {
  const answered = new URLSearchParams(location.search);
  history.replaceState(null, "", PAGE);
  show(await signIn.finish(answered));
}

function failedToStart(failed) {
  problem(failed);
  if (!signIn.token) askToSignIn();
}

// What arrives at the very page that is open already does not load it anew.
window.addEventListener("hashchange", () => {
  arrival = takeArrival();
  if (arrival) start().catch(failedToStart);
});

start().catch(failedToStart);

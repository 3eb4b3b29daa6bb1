// The web client's part, until the Connections page exists. Opening an address starts nothing; a click does.
import { apiAs } from "./api.js";
import { arrived, begunHere, forgetArrival, forgetOld, rememberBegun, takeFragment } from "./arrival.js";
import { config } from "./config.js";
import { ask, attempt, button, note, place, showInstallations, showUser } from "./page.js";
import { beginSignIn, finishSignIn } from "./signin.js";

takeFragment();

let api = null;
let user = null;
let shown = { team: config.team, installation: null };

async function show() {
  if (!api) return;
  place("team").elements.team.value = shown.team;
  const one = shown.installation;
  const found = one ? [await api.look(shown.team, one)] : (await api.list(shown.team)).installations;
  showInstallations(found, connect, revoke);
}

async function connect(one) {
  note("");
  const begun = await api.authorize(shown.team, one.installation);
  ask(
    `You are going to ${begun.provider_host}, to let Strongroom use ${begun.mcp_host} as you.` +
      (begun.token_host === begun.provider_host ? "" : ` The tokens for it come from ${begun.token_host}.`) +
      ` It asks for: ${begun.scopes.join(" ") || "nothing in particular"}.` +
      added(begun.parameters),
    button(`Continue to ${begun.provider_host}`, () => leaveFor(begun)),
    button("Do not connect", () => ask("")),
  );
}

function added(parameters) {
  const said = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  return said.length ? ` An admin has added: ${said.join(", ")}.` : "";
}

function leaveFor(begun) {
  const target = new URL(begun.authorization_url);
  if (!["https:", "http:"].includes(target.protocol)) throw new Error("This is no address of a provider.");
  rememberBegun(begun.authorization_id, { user, team: shown.team, expires_at: begun.expires_at });
  location.assign(target);
}

async function revoke(one) {
  await api.revoke(shown.team, one.installation);
  note("Revoked.");
  await show();
}

// Complete what came back. Silently only if this user began it in this browser, and nobody else is concerned.
async function finishArrival() {
  const arrival = arrived();
  if (!arrival) return;
  if (!arrival.secret) {
    forgetArrival();
    note("Access was denied at the provider. Nothing was connected.");
    return;
  }
  const facts = await factsOf(arrival);
  if (!facts) return;
  const installation = await api.look(facts.team, facts.installation);
  const shared = installation.sharing === "shared";
  if (begunHere(arrival.id)?.user === user && !shared) {
    await complete(arrival, {});
    return;
  }
  const forWhom = shared ? `for the whole team ${facts.team}` : `for ${user}`;
  ask(
    `${user}: connect "${installation.name}" (${facts.mcp_host}) with the account that consented at ` +
      `${facts.provider_host}, ${forWhom}?`,
    button(`Connect ${forWhom}`, () => complete(arrival, shared ? { confirm_shared: true } : {})),
    button("No", decline),
  );
}

async function factsOf(arrival) {
  try {
    return await api.authorization(arrival.id);
  } catch (refused) {
    if (refused.status !== 404) throw refused;
    forgetArrival();
    note(`${user} did not begin this, or it is over. Nothing was connected. If somebody sent you a link, tell your admin.`);
    return null;
  }
}

function decline() {
  forgetArrival();
  ask("");
  note("Nothing was connected.");
}

async function complete(arrival, confirmed) {
  ask("");
  const done = await api.complete(arrival.id, { secret: arrival.secret, ...confirmed }).catch((refused) => {
    // A refusal is final; what merely failed may be tried again after a reload.
    if (refused.status < 500) forgetArrival();
    throw refused;
  });
  forgetArrival();
  shown = { team: done.team, installation: null };
  note(`Connected: ${done.connection.status}.`);
  await show();
}

async function signedIn() {
  const answered = new URLSearchParams(location.search);
  history.replaceState(null, "", "/");
  const session = await finishSignIn(answered);
  [api, user, shown] = [apiAs(session.token), session.user, session.place];
}

function readAddress() {
  const query = new URLSearchParams(location.search);
  shown = { team: query.get("team") ?? config.team, installation: query.get("installation") };
}

async function start() {
  forgetOld(Date.now() / 1000);
  try {
    if (location.pathname === "/signed-in") await signedIn();
    else readAddress();
  } finally {
    showUser(user, () => beginSignIn(shown), () => beginSignIn(shown, true));
  }
  const arrival = arrived();
  if (!user && arrival && begunHere(arrival.id)) await beginSignIn(shown);
  if (user) {
    await finishArrival();
    await show();
  } else if (arrival) note("Sign in to finish connecting.");
}

place("team").addEventListener("submit", (event) => {
  event.preventDefault();
  shown = { team: place("team").elements.team.value, installation: null };
  attempt(show);
});

place("install").addEventListener("submit", (event) => {
  event.preventDefault();
  const { name, url, sharing } = place("install").elements;
  attempt(async () => {
    await api.install(shown.team, { name: name.value, url: url.value, sharing: sharing.value });
    await show();
  });
});

attempt(start);

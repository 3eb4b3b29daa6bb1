// The product's own sign-in, with code and PKCE, shared by its pages; each page is a redirect URI of its own. A product
// that has a sign-in already keeps that, and gives Strongroom a function like `token`.
const issuer = "https://login.example.com";
const client = "strongroom-web";
const redirectUri = location.origin + location.pathname;
const place = (id) => document.getElementById(id);

let session = null; // in memory only: a page that is loaded again asks anew, quickly while the service has a session

// Strongroom calls this for every request. Null says that nobody is signed in.
export const token = async () => (session && session.endsAt > Date.now() ? session.token : null);

// Every page begins with this: finish a sign-in that comes back here, and say whether somebody is signed in. `atOnce`
// leaves for the sign-in service without waiting for a click.
export async function welcome({ atOnce = false } = {}) {
  place("sign-in").addEventListener("click", () => signIn().catch(say));
  const isBack = new URLSearchParams(location.search).has("state");
  if (isBack) await comeBack().catch(say);
  else if (atOnce) await signIn();
  show();
  return session !== null;
}

// Leave for the sign-in service, and come back to this page.
export async function signIn({ asSomebodyElse = false } = {}) {
  const [verifier, state] = [fresh(), fresh()];
  sessionStorage.setItem("sign-in", JSON.stringify({ verifier, state, query: location.search }));
  const target = new URL((await service()).authorization_endpoint);
  target.search = new URLSearchParams({
    response_type: "code",
    client_id: client,
    redirect_uri: redirectUri,
    scope: "openid strongroom",
    state,
    code_challenge: await challengeOf(verifier),
    code_challenge_method: "S256",
    ...(asSomebodyElse ? { prompt: "login" } : {}),
  });
  location.assign(target);
}

// Only an answer to what this tab has asked is taken: another one could slip in somebody else's account.
async function comeBack() {
  const answered = new URLSearchParams(location.search);
  const kept = JSON.parse(sessionStorage.getItem("sign-in") ?? "null");
  sessionStorage.removeItem("sign-in");
  history.replaceState(null, "", location.pathname + (kept?.query ?? ""));
  const iss = answered.get("iss") ?? issuer; // not every service names itself in its answers
  if (kept?.state !== answered.get("state") || iss !== issuer || !answered.has("code")) {
    throw new Error("This sign-in was not begun here, or was not finished. Sign in again.");
  }
  const answer = await fetch((await service()).token_endpoint, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code: answered.get("code"),
      redirect_uri: redirectUri,
      client_id: client,
      code_verifier: kept.verifier,
    }),
  });
  if (!answer.ok) throw new Error("The sign-in could not be finished. Sign in again.");
  const { access_token, expires_in = 300 } = await answer.json();
  session = { token: access_token, endsAt: Date.now() + expires_in * 1000 };
}

// Strongroom's element tells it when `token` has given null, or the API takes the token no more.
export function signedOut() {
  session = null;
  show();
  say("Your sign-in has ended. Sign in again to go on; nothing is lost.");
}

function show() {
  place("who").textContent = session ? "You are signed in." : "Nobody is signed in.";
  place("sign-in").hidden = session !== null;
}

export function say(what) {
  place("said").textContent = what instanceof Error ? what.message : what;
}

async function service() {
  return (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
}

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const fresh = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

async function challengeOf(verifier) {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

// Sign-in with code and PKCE. The access token stays in memory: a page that is left or reloaded asks for a new one,
// which the sign-in service's own session makes quick.
import { config } from "./config.js";

const KEPT = "strongroom.sign-in";

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fresh() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function challengeOf(verifier) {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

async function endpoints() {
  const answer = await fetch(`${config.issuer}/.well-known/openid-configuration`, { credentials: "omit" });
  const known = await answer.json();
  if (known.issuer !== config.issuer) throw new Error("The sign-in service is not the one that was configured.");
  return known;
}

// Leave for the sign-in service. `place` is what to show afterwards.
export async function beginSignIn(place, asSomebodyElse = false) {
  const [verifier, state] = [fresh(), fresh()];
  sessionStorage.setItem(KEPT, JSON.stringify({ verifier, state, place }));
  const target = new URL((await endpoints()).authorization_endpoint);
  const asked = {
    response_type: "code",
    client_id: config.clientId,
    redirect_uri: config.redirectUri,
    scope: "openid strongroom",
    state,
    code_challenge: await challengeOf(verifier),
    code_challenge_method: "S256",
    ...(asSomebodyElse ? { prompt: "login" } : {}),
  };
  for (const [name, value] of Object.entries(asked)) target.searchParams.set(name, value);
  location.assign(target);
}

// Finish a sign-in that this tab began; any other answer is dropped, or somebody else's account could be slipped in.
export async function finishSignIn(answered) {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  sessionStorage.removeItem(KEPT);
  if (!kept || answered.get("state") !== kept.state || answered.get("iss") !== config.issuer) {
    throw new Error("This sign-in was not begun here. Sign in again.");
  }
  if (!answered.get("code")) throw new Error("The sign-in service said no.");
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    code: answered.get("code"),
    redirect_uri: config.redirectUri,
    client_id: config.clientId,
    code_verifier: kept.verifier,
  });
  const answer = await fetch((await endpoints()).token_endpoint, { method: "POST", body, credentials: "omit" });
  if (!answer.ok) throw new Error("The sign-in could not be finished. Sign in again.");
  const { access_token: token } = await answer.json();
  return { token, user: nameIn(token), place: kept.place };
}

// For showing only: who may do what is decided by the API, which checks the signature.
function nameIn(token) {
  const claims = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(claims), (c) => c.charCodeAt(0)))).sub;
}

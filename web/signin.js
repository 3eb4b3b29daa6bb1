// Signing in with code and PKCE (RFC 7636) at the deployment's sign-in service. The access token stays in memory: a
// page that is left or loaded again asks for a new one, which the service's own session makes quick.
import { claimsIn, subjectOf } from "./strongroom-api.js";

const KEPT = "strongroom.sign-in";
const WAS = "strongroom.signed-in";

export class SignInRefused extends Error {
  name = "SignInRefused";
}

export class SignIn {
  #settings;
  #token = null;
  #name = null;

  // `settings`: `{issuer, client_id, redirect_uri, scope, parameters}`.
  constructor(settings) {
    this.#settings = settings;
  }

  // The access token for the API, or null.
  get token() {
    return this.#token;
  }

  // What the service calls the person, so that they recognise themselves; null if it does not say. It decides nothing.
  get name() {
    return this.#token && this.#name;
  }

  // Whether somebody was signed in in this tab before: then going to the sign-in service again surprises nobody.
  get wasSignedIn() {
    return sessionStorage.getItem(WAS) !== null;
  }

  forget() {
    this.#token = null;
    this.#name = null;
    sessionStorage.removeItem(WAS);
  }

  // Leave for the sign-in service. `place` comes back from `finish`.
  async begin(place, { asSomebodyElse = false } = {}) {
    const [verifier, state] = [fresh(), fresh()];
    const target = new URL((await this.#service()).authorization_endpoint);
    const asked = {
      ...this.#settings.parameters,
      response_type: "code",
      client_id: this.#settings.client_id,
      redirect_uri: this.#settings.redirect_uri,
      scope: `openid ${this.#settings.scope}`,
      state,
      code_challenge: await challengeOf(verifier),
      code_challenge_method: "S256",
      ...(asSomebodyElse ? { prompt: "login" } : {}),
    };
    for (const [name, value] of Object.entries(asked)) target.searchParams.set(name, value);
    sessionStorage.setItem(KEPT, JSON.stringify({ verifier, state, place }));
    location.assign(target);
  }

  // Finish a sign-in that this tab began, and give its `place`. Any other answer is dropped, or somebody else's account
  // could be slipped in.
  async finish(answered) {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    sessionStorage.removeItem(KEPT);
    this.forget();
    const service = await this.#service();
    if (!kept || answered.get("state") !== kept.state || !this.#isFrom(service, answered.get("iss"))) {
      throw new SignInRefused("This sign-in was not begun in this window. Sign in again.");
    }
    if (!answered.get("code")) throw new SignInRefused("The sign-in service did not sign you in. Try again.");
    const told = await this.#redeem(service, answered.get("code"), kept.verifier);
    this.#token = told.access_token;
    this.#name = nameIn(told);
    sessionStorage.setItem(WAS, "yes");
    return kept.place;
  }

  // RFC 9207 §2.4: a service that names itself in its answers has to be the one that was asked.
  #isFrom(service, iss) {
    return iss === null ? !service.authorization_response_iss_parameter_supported : iss === this.#settings.issuer;
  }

  async #redeem(service, code, verifier) {
    const body = new URLSearchParams({
      grant_type: "authorization_code",
      code,
      redirect_uri: this.#settings.redirect_uri,
      client_id: this.#settings.client_id,
      code_verifier: verifier,
    });
    const answer = await ask(service.token_endpoint, { method: "POST", body });
    const told = await answer.json().catch(() => ({}));
    if (answer.ok && typeof told.access_token === "string") return told;
    throw new SignInRefused("The sign-in could not be finished. Try again.");
  }

  // What the service says of itself (OpenID Connect Discovery §4.3: the issuer is the one that was asked).
  async #service() {
    const { issuer } = this.#settings;
    const answer = await ask(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, {});
    const known = await answer.json().catch(() => null);
    if (known?.issuer !== issuer) throw new SignInRefused("The sign-in service is not the one that was configured.");
    return known;
  }
}

async function ask(url, request) {
  try {
    return await fetch(url, { ...request, credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" });
  } catch {
    throw new SignInRefused("The sign-in service cannot be reached just now. Try again.");
  }
}

// It came from the service itself, so its signature is not looked at (OpenID Connect Core §3.1.3.7, 6). A name that
// people may give themselves as they like is none to recognise anybody by. Nobody needs one.
function nameIn({ access_token: token, id_token: idToken }) {
  try {
    const { sub, email, email_verified: verified, preferred_username: username } = claimsIn(idToken);
    if (sub !== subjectOf(token)) return null;
    return [verified === false ? null : email, username].find((one) => typeof one === "string" && one) ?? null;
  } catch {
    return null;
  }
}

function fresh() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function challengeOf(verifier) {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

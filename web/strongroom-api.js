// Strongroom's API as the signed-in person. docs/openapi.yaml describes each call.

const PATIENCE = 30_000; // milliseconds: API Gateway cuts a request at thirty seconds

// An answer that is no success. `code` is stable, `message` is a sentence for people.
export class Refused extends Error {
  constructor(status, body) {
    super(body?.message ?? `Strongroom answered ${status}.`);
    this.name = "Refused";
    this.status = status;
    this.code = body?.error ?? null;
    this.requestId = body?.request_id ?? null;
    this.retryAfter = body?.retry_after ?? null;
  }
}

// The sign-in is over, or never was. Sign in again; nothing has happened.
export class SignedOut extends Refused {}

// No answer came: the network is away, or Strongroom took too long. Whether anything has happened is not known.
export class Unreachable extends Error {
  constructor() {
    super("Strongroom cannot be reached just now. Check your connection and try again.");
    this.name = "Unreachable";
  }
}

const part = encodeURIComponent;

export class Strongroom {
  #origin;
  #token;

  // `origin`: that of the API. `token`: an async function that gives the person's access token for the API; it is
  // called for every request, so it may renew it. Null from it means that nobody is signed in.
  constructor({ origin, token }) {
    this.#origin = new URL(origin).origin;
    this.#token = token;
  }

  // Whom the token speaks for; null if nobody is signed in.
  async user() {
    const token = await this.#token();
    return token ? subjectOf(token) : null;
  }

  async #ask(method, path, { body, headers = {} } = {}) {
    const token = await this.#token();
    if (!token) throw new SignedOut(401, { message: "Nobody is signed in." });
    const answer = await this.#send(path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(PATIENCE),
    });
    const content = await answer.json().catch(() => null);
    if (answer.status === 401) throw new SignedOut(401, { message: "Your sign-in has ended. Sign in again." });
    if (!answer.ok) throw new Refused(answer.status, content);
    return { content, etag: answer.headers.get("etag") };
  }

  async #send(path, request) {
    try {
      return await fetch(this.#origin + path, request);
    } catch {
      throw new Unreachable();
    }
  }

  async #content(method, path, more) {
    return (await this.#ask(method, path, more)).content;
  }

  // All installations of the team, by name, each with my connection, and my role: `{role, installations}`.
  async list(team) {
    const installations = [];
    let [role, next] = [null, null];
    do {
      const query = new URLSearchParams({ limit: "100", ...(next ? { next } : {}) });
      const page = await this.#content("GET", `${installationsOf(team)}?${query}`);
      installations.push(...page.installations);
      [role, next] = [page.role, page.next];
    } while (next);
    return { role, installations };
  }

  // One installation, with the etag that `change` and its like take: `{installation, etag}`.
  async look(team, id) {
    const { content, etag } = await this.#ask("GET", installationAt(team, id));
    return { installation: content, etag };
  }

  timeline(team, id) {
    return this.#content("GET", `${installationAt(team, id)}/timeline`);
  }

  authorize(team, id) {
    return this.#content("POST", `${installationAt(team, id)}/authorize`, { body: {} });
  }

  authorization(id) {
    return this.#content("GET", `/v1/authorizations/${part(id)}`);
  }

  complete(id, proof) {
    return this.#content("POST", `/v1/authorizations/${part(id)}/complete`, { body: proof });
  }

  revoke(team, id) {
    return this.#content("DELETE", `${installationAt(team, id)}/connection`);
  }

  // -- For admins

  probe(team, url) {
    return this.#content("POST", `/v1/teams/${part(team)}/probe`, { body: { url } });
  }

  // `key` is of the caller's own making: the same one again, after an answer that was lost, installs nothing twice.
  install(team, wanted, key) {
    return this.#content("POST", installationsOf(team), { body: wanted, headers: { "idempotency-key": key } });
  }

  change(team, id, changes, etag) {
    return this.#content("PATCH", installationAt(team, id), { body: changes, headers: unchanged(etag) });
  }

  uninstall(team, id, etag) {
    return this.#content("DELETE", installationAt(team, id), { headers: unchanged(etag) });
  }

  revokeAll(team, id, etag) {
    return this.#content("DELETE", `${installationAt(team, id)}/connections`, { headers: unchanged(etag) });
  }

  counts(team, id) {
    return this.#content("GET", `${installationAt(team, id)}/connections`);
  }

  rotateClientSecret(team, id, secret, etag) {
    const body = { client_secret: secret };
    return this.#content("PUT", `${installationAt(team, id)}/client_secret`, { body, headers: unchanged(etag) });
  }

  // One page of the team's records, newest first: `{records, next}`.
  records(team, next = null) {
    const query = next ? `?${new URLSearchParams({ next })}` : "";
    return this.#content("GET", `/v1/teams/${part(team)}/records${query}`);
  }
}

function installationsOf(team) {
  return `/v1/teams/${part(team)}/installations`;
}

function installationAt(team, id) {
  return `${installationsOf(team)}/${part(id)}`;
}

function unchanged(etag) {
  return etag ? { "if-match": etag } : {};
}

// Who a token speaks for. For showing only: who may do what is decided by the API, which checks the signature.
export function subjectOf(token) {
  return claimsIn(token).sub;
}

// What a JWT says, unchecked.
export function claimsIn(jwt) {
  const claims = jwt.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(claims), (one) => one.charCodeAt(0))));
}

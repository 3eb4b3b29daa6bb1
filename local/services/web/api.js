// Strongroom's API as the signed-in user.
import { config } from "./config.js";

export class Refused extends Error {
  constructor(status, body) {
    super(body?.message ?? `The answer was ${status}.`);
    this.status = status;
    this.code = body?.error;
  }
}

async function call(token, method, path, body) {
  const headers = { Authorization: `Bearer ${token}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(config.api + path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "omit",
    cache: "no-store",
    redirect: "error",
  });
  const content = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, content);
  return content;
}

const part = encodeURIComponent;
const installations = (team) => `/v1/teams/${part(team)}/installations`;
const installation = (team, id) => `${installations(team)}/${part(id)}`;

export function apiAs(token) {
  return {
    list: (team) => call(token, "GET", installations(team)),
    install: (team, wanted) => call(token, "POST", installations(team), wanted),
    look: (team, id) => call(token, "GET", installation(team, id)),
    authorize: (team, id) => call(token, "POST", `${installation(team, id)}/authorize`, {}),
    revoke: (team, id) => call(token, "DELETE", `${installation(team, id)}/connection`),
    authorization: (id) => call(token, "GET", `/v1/authorizations/${part(id)}`),
    complete: (id, proof) => call(token, "POST", `/v1/authorizations/${part(id)}/complete`, proof),
  };
}

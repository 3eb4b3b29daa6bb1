// What was found out about an MCP server, in plain words.

import { folded, row, table, terms } from "./admin-form.js";
import { adviceOn, DEVIATIONS, DOCUMENTS, NEEDS, OUTCOMES, REGISTRATIONS } from "./admin-words.js";
import { element, linkTo } from "./strongroom-dom.js";

// Gives `{node, heading}`; the heading is where a person reads on.
export function notice(probed) {
  const heading = element("h4", { tabindex: "-1" }, "What the server says ", badge(probed.requires_oauth));
  const node = element(
    "article",
    { class: "strongroom-probe" },
    heading,
    element("p", {}, sentence(probed)),
    whatIsWrong(probed),
    probed.requires_oauth === false ? null : terms(facts(probed)),
    stepsOf(probed),
  );
  return { node, heading };
}

function badge(needed) {
  const kind = { true: "needs", false: "free", null: "unknown" }[needed];
  return element("span", { class: `strongroom-badge strongroom-badge-${kind}` }, NEEDS[needed]);
}

function sentence({ requires_oauth: needed, connects }) {
  if (needed === false)
    return "The server answers without a token: nobody has to connect, and gateways use it at once.";
  if (needed === null)
    return "The server gave no answer that could be used, so nobody knows whether people have to connect.";
  if (connects === false) return "The server wants a token of each person, but as it is nobody could connect.";
  if (connects === null) return "The server wants a token, and does not say where people would get it.";
  return "The server wants a token of each person: they connect once at the provider, and Strongroom keeps it fresh.";
}

function whatIsWrong({ requires_oauth: needed, connects, code, message }) {
  if (connects || !code || needed === false) return null;
  return element(
    "p",
    { class: "strongroom-notice strongroom-trouble" },
    element("strong", {}, message ?? code),
    ` ${adviceOn(code)}`,
  );
}

function facts({ issuer, provider, registration, scopes, requires_oauth: needed }) {
  if (!issuer && !needed) return [];
  return [
    ["Gives tokens", issuer ?? "The server does not say."],
    ["People consent at", provider?.authorization_host],
    ["Tokens come from", provider?.token_host],
    ["Strongroom registers", REGISTRATIONS[registration] ?? (provider ? "in no way that was found" : null)],
    ["Asks for", scopesOf(scopes, provider)],
    ["In the catalog", provider ? known(provider) : null],
  ];
}

function scopesOf(scopes, provider) {
  if (scopes.length) return scopes.flatMap((scope, index) => [index ? " " : "", element("code", {}, scope)]);
  return provider ? "The server names no scopes: the provider decides." : null;
}

function known({ catalog, deviations, documentation }) {
  if (!catalog) return "No: it is expected to follow the rules.";
  const odd = deviations.map((one) => DEVIATIONS[one] ?? one).join("; ");
  const text = odd ? `${catalog}: ${odd}. ` : `${catalog}. `;
  return documentation ? [text, linkTo(documentation, `Documentation of ${catalog}`)] : text;
}

function stepsOf({ steps }) {
  if (!steps.length) return null;
  const heads = ["Document", "Where", "Rule", "Outcome"];
  const { node } = table("What was asked, step by step", heads, steps.map(step));
  return folded(`What was asked, step by step (${steps.length})`, node);
}

function step({ step: document, question, url, rule, outcome, code }) {
  const asked = question ? `${DOCUMENTS[document]} to ${question}` : DOCUMENTS[document];
  const came = OUTCOMES[outcome] ?? outcome;
  return row(asked, element("code", {}, url), element("code", {}, rule), code ? `${came} (${code})` : came);
}

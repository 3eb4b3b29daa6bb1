// A provider that an admin enters by hand, for installing and for changing.

import { checkbox, copyable, exactInput, folded, problemsOf, select, terms, Unfinished } from "./admin-form.js";
import { rows } from "./admin-rows.js";
import { button, element, field, replace } from "./strongroom-dom.js";

const METHODS = [
  ["", "The usual one"],
  ["client_secret_basic", "In the header (client_secret_basic)"],
  ["client_secret_post", "In the body (client_secret_post)"],
  ["none", "None: there is no secret (none)"],
];

const NEEDS_CALLBACK =
  "The provider has to know where to send people back. Making that URL asks the server: up to fifteen seconds.";

// `draft`: `{draft, callback_url}` of a probe, or null; then `makeDraft(anAddress)` gives one, by a probe of the
// server, or of the address that `anAddress()` gives. `endpointsNeeded`: nobody can ask the server for them.
// Gives `{node, value, controls}`: `value()` is what the API takes, or throws Unfinished; `controls` are those that
// error codes mean.
export function providerFields({ draft = null, issuer = "", makeDraft, endpointsNeeded = false }) {
  const client = clientFields(draft?.provider?.catalog);
  const endpoints = endpointFields(endpointsNeeded);
  const named = exactInput({ value: issuer, inputmode: "url" });
  const callback = callbackUrl(draft, () => makeDraft(() => endpoints.anAddress()));
  const pkce = checkbox(
    "PKCE with S256 works there although the provider's metadata does not list it",
    "Only if you know it for sure: without PKCE, whoever gets hold of a code can redeem it. Members see it.",
  );
  const parameters = rows({
    legend: "Extra parameters of the authorization request",
    what: "parameter",
    help: "Members see them before they consent. OAuth's own and those about scopes are refused.",
  });
  const node = element(
    "div",
    {},
    element(
      "p",
      {},
      "This decides where members are sent and where their tokens go. They see the hosts before they consent.",
    ),
    endpointsNeeded ? endpoints.node : null,
    callback.node,
    field(
      "Issuer",
      named,
      "Whose client it is, letter by letter as the provider's metadata says. Needed unless you enter endpoints.",
    ),
    ...client.nodes,
    endpointsNeeded ? null : endpoints.node,
    pkce.node,
    parameters.node,
  );
  const value = () => ({
    draft: callback.draft(),
    issuer: named.value.trim() || null,
    client: client.value(),
    ...endpoints.value(named),
    pkce_unlisted: pkce.input.checked,
    parameters: parameters.values(),
  });
  const controls = {
    provider: client.id,
    issuer_refused: named,
    draft_used: callback.again,
    parameter_refused: parameters.meant,
    ...endpoints.controls,
  };
  return { node, value, controls };
}

// The URL to register at the provider. It follows from the draft, so it is the same when the form is sent.
function callbackUrl(draft, makeDraft) {
  let present = draft;
  const node = element("div");
  const show = () => {
    const shown = copyable(
      "Callback URL",
      present.callback_url,
      "Register exactly this at the provider, as redirect URI. It is for this installation alone.",
    );
    replace(node, shown.node);
    return shown.input;
  };
  const problems = problemsOf();
  const made = async () => {
    present = await makeDraft();
    show().focus();
  };
  const make = button("Make a callback URL", () => problems.told(made), { class: "secondary" });
  const given = () => {
    if (!present) throw new Unfinished("Make a callback URL first, and register it at the provider.", make);
    return present.draft;
  };
  const again = () => {
    present = null;
    replace(node, element("p", {}, NEEDS_CALLBACK), problems.node, make);
    return make;
  };
  if (present) show();
  else again();
  return { node, draft: given, again };
}

const USUAL =
  "The usual one is in the header, or none without a secret. For a provider in the catalog, it is what the catalog says.";

function clientFields(inCatalog) {
  const id = exactInput({ required: true });
  const secret = exactInput({ type: "password" });
  const method = select(METHODS, "");
  const value = () => {
    if (method.value === "none" && secret.value)
      throw new Unfinished("A client without authentication has no secret.", method);
    if (method.value.startsWith("client_secret") && !secret.value) {
      throw new Unfinished("This method of authentication needs the client secret.", secret);
    }
    return { client_id: id.value, client_secret: secret.value || null, auth_method: method.value || null };
  };
  const nodes = [
    field("Client id", id, "As the provider gave it when Strongroom was registered there."),
    field("Client secret", secret, "Empty if the provider gave none. It is stored sealed, and never shown again."),
    field("How the client authenticates", method, inCatalog ? usualOf(inCatalog) : USUAL),
  ];
  return { id, nodes, value };
}

function usualOf(provider) {
  return `For ${provider}, the usual one is what the catalog says.`;
}

function endpointFields(needed) {
  const url = () => exactInput({ type: "url", required: false, inputmode: "url" });
  const [authorization, token, revocation] = [url(), url(), url()];
  const iss = checkbox(
    "The provider names itself in each answer (iss, RFC 9207)",
    "Answers without it are then refused. Needed if authorization and token endpoint lie on two origins.",
  );
  const fields = [
    element(
      "p",
      {},
      needed
        ? "Nobody can ask this server, so its provider's endpoints are needed."
        : "Only if they cannot be found out from the issuer.",
    ),
    field("Authorization endpoint", authorization, "Where people consent."),
    field("Token endpoint", token, "Where tokens come from."),
    field("Revocation endpoint", revocation, "Where Strongroom says that a grant has ended. May be left empty."),
    iss.node,
  ];
  const node = folded("Endpoints by hand", ...fields);
  node.open = needed;
  const value = (issuer) => {
    if (![authorization, token, revocation].some((one) => one.value)) {
      if (needed) throw new Unfinished("Nobody can ask this server: enter the endpoints.", authorization);
      if (!issuer.value.trim())
        throw new Unfinished("Say whose client it is: enter the issuer, or the endpoints.", issuer);
      return {};
    }
    const missing = [authorization, token].find((one) => !one.value);
    if (missing) throw new Unfinished("Authorization and token endpoint belong together: enter both.", missing);
    const endpoints = { authorization: authorization.value, token: token.value, revocation: revocation.value || null };
    return { endpoints, iss: iss.input.checked };
  };
  // Some address that can be probed: a draft comes of a probe alone.
  const anAddress = () => {
    if (!authorization.value) throw new Unfinished("Enter the authorization endpoint first.", authorization);
    return authorization.value;
  };
  const controls = {
    authorization_endpoint_refused: authorization,
    token_endpoint_refused: token,
    revocation_endpoint_refused: revocation,
    endpoint_off_issuer: token,
  };
  return { node, value, anAddress, controls };
}

// What stands of a provider that was entered, for admins.
export function enteredProvider(provider, when) {
  const secret = provider.client_secret;
  const added = Object.entries(provider.parameters).map(([name, value]) => `${name}=${value}`);
  const pairs = [
    ["Issuer", provider.issuer],
    ["People consent at", provider.authorization_host ?? "as the issuer says"],
    ["Tokens come from", provider.token_host ?? "as the issuer says"],
    ["Client id", element("code", {}, provider.client_id)],
    ["Added to the request", added.join(", ")],
    ["PKCE", provider.pkce_unlisted ? "not in the provider's metadata; an admin vouches that it works" : null],
    ["Client secret", secret ? secretInWords(secret, when) : "none"],
  ];
  const callback = provider.callback_url
    ? copyable("Callback URL", provider.callback_url, "So it is registered at the provider.")
    : null;
  return element("div", {}, callback?.node, terms(pairs));
}

function secretInWords({ rotated_at: rotated, previous_until: until }, when) {
  if (!rotated) return "set, and not changed since it was first entered";
  return until
    ? `set; another one was entered ${when(rotated)}, and the one before is tried until ${when(until)}`
    : `set; last entered ${when(rotated)}`;
}

// What admins are told, in sentences: of a probe, of how everybody stands, and of what a change ends.

export const NEEDS = { true: "Requires OAuth", false: "Needs no OAuth", null: "Could not be found out" };

export const REGISTRATIONS = {
  metadata_document: "not at all: the provider knows it by its client metadata document",
  dynamic: "by itself, when somebody first connects",
  by_hand: "not by itself: an admin registers it at the provider, and enters the client here",
};

export const DEVIATIONS = {
  issuer_alias: "its MCP servers write its issuer in another way",
  pkce_unlisted: "PKCE with S256 works although its metadata does not list it",
  resource_refused: "it refuses the parameter resource (RFC 8707)",
  extra_parameters: "it wants parameters of its own",
  scope_parameter: "it has a parameter of its own for scopes",
  scope_separator: "scopes are not separated by spaces",
  registered_by_hand: "clients are registered by hand",
  authentication_methods: "its methods of client authentication are fixed",
  json_body: "its token endpoint takes JSON",
  tokens_nested: "tokens lie deeper in its answers",
  success_flag: "a member of its own says whether an answer is a success",
  expiry_member: "a member of its own says when a token ends",
  never_expires: "a token of which it says no end has none",
  own_error_codes: "its error codes are its own",
  own_token_types: "its token types are its own",
  no_refresh_tokens: "it gives no refresh tokens, so people connect again when a token is over",
};

const CHECK_URL = "It is the one that MCP clients are given, often ending in /mcp or /sse.";
const TRY_AGAIN = "Try again in a few minutes. If it stays so, tell the people who run it.";
const TELL_SERVER = "Tell the people who run the MCP server. Until they mend it, you can enter the provider by hand.";
const TELL_PROVIDER = "Tell the provider. If you know its endpoints for certain, you can enter them by hand.";
const ADVICE = {
  mcp_server_unusable: CHECK_URL,
  mcp_url_refused: CHECK_URL,
  discovery_too_long: TRY_AGAIN,
  resource_metadata_unavailable: TRY_AGAIN,
  server_metadata_unavailable: TRY_AGAIN,
  resource_metadata_missing: TELL_SERVER,
  resource_metadata_unreadable: TELL_SERVER,
  resource_mismatch: TELL_SERVER,
  authorization_server_missing: TELL_SERVER,
  pkce_unsupported:
    "Tell the provider. If you know that S256 works there all the same, enter the provider by hand and say so.",
  registration_unsupported: "Register Strongroom at the provider with the callback URL below, and enter the client.",
  oauth_not_required: "Nobody has to connect.",
  endpoints_guessed:
    "Only trying tells. If it wants a key of its own, say that it needs no OAuth, and enter the key as a header.",
};

export function adviceOn(code) {
  return ADVICE[code] ?? TELL_PROVIDER;
}

const REFUSALS = {
  draft_used:
    "A client was entered under this callback URL already. Make another one, and register it at the provider.",
  parameter_refused: "OAuth itself uses a parameter of this name, or it is about scopes, which are entered as scopes.",
};

const NO_FORM = "this is missing, or of another";

// What is wrong with what was entered. The API's messages name members of the body and limits, and never a value.
export function refusalInWords({ code, message }) {
  const text =
    REFUSALS[code] ?? message.replace(/^inject\.(headers|env): /, "").replace(/^missing or of another/, NO_FORM);
  return `${text[0].toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;
}

export const DOCUMENTS = {
  challenge: "The server's own answer",
  resource_metadata: "Protected resource metadata",
  server_metadata: "Authorization server metadata",
  legacy_metadata: "Metadata as of MCP 2025-03-26",
};

export const OUTCOMES = { ok: "as it should be", missing: "not there", failed: "breaks the rule" };

const WHY_NOT = {
  never_connected: "never connected",
  revoked: "revoked here",
  denied: "said no at the provider",
  refused: "the provider has ended it",
  lost_response: "the provider has ended it after an answer got lost",
  expired_without_refresh: "the token is over, and there is nothing to renew it with",
  restored: "ended when an older state of the table was restored",
  client_replaced: "the provider has forgotten Strongroom's client",
  rejected: "the MCP server rejects the token",
  installation_changed: "an admin has changed where the token would be sent",
  consent_ended: "what was allowed has ended",
  no_oauth: "need not connect: the server needs no OAuth",
  unreachable: "the provider cannot be reached just now",
  no_answer: "the provider does not answer just now",
  provider_error: "the provider is in trouble just now",
  temporarily_unavailable: "the provider asks for patience just now",
  rate_limited: "the provider asks for patience just now",
  client_rejected: "the provider does not take the client: its id, its secret or its method is wrong there",
};

export function whyNot(reason) {
  return WHY_NOT[reason] ?? `renewing does not succeed (${reason})`;
}

export function people(number) {
  return number === 1 ? "1 member" : `${number} members`;
}

export function areConnected({ connected }, { sharing }) {
  if (!connected) return "Nobody is connected here";
  if (sharing === "shared") return `One account serves ${people(connected)} here`;
  return `${people(connected)} ${connected === 1 ? "is" : "are"} connected here`;
}

export function revokingAllMeans({ sharing }) {
  return sharing === "shared" ? CONSEQUENCES.revokeShared : CONSEQUENCES.revokeAll;
}

export const SHARING = { per_user: "Everybody connects alone", shared: "One account for the whole team" };

export const SHARING_HELP = {
  per_user: "Nobody uses what somebody else has connected.",
  shared: "What an admin connects serves everybody in the team.",
};

export const SHARED_QUESTION = {
  title: "One account for the whole team?",
  text: [
    "Everybody in the team will use this server with the one account that an admin connects: they can see and do " +
      "there whatever that account can.",
    "The account that consents next serves everybody, also whoever joins the team later.",
  ],
  yes: "Use one account for the team",
};

// What a change means, said before it is saved.
export const CONSEQUENCES = {
  name: "Nobody has to connect again. The server's new name is shown to everybody in the team.",
  url:
    "This ends what everybody has connected: tokens were allowed for the server at the present URL. Headers and " +
    "environment entries are taken out of use too; enter them anew afterwards.",
  sharing: "This ends what everybody has connected. Afterwards people connect in the new way.",
  scopes:
    "Nobody is disconnected: connections keep the scopes that they have. From now on exactly these are asked for, " +
    "and authorizations that are under way have to begin again.",
  provider: "This ends what everybody has connected. Members see the hosts that you enter before they consent.",
  discovered: "This ends what everybody has connected. Strongroom then finds out from the MCP server who gives tokens.",
  inject: "This ends what everybody has connected: an entry may decide where a token goes.",
  injectWithoutOAuth: "There is no token, so nobody has to connect again. Gateways use it within a minute.",
  oauth:
    "To say that it needs no OAuth ends what everybody has connected, and forgets the entered provider and scopes.",
  secret: "It is the same client, so nobody has to connect again. The secret before it is tried for 24 hours.",
  disable:
    "Disabled, nothing of it is given out, renewed or connected until somebody enables it again. Connections stay.",
  enable: "It is disabled: nothing of it is given out. Once it is enabled, whoever was connected is served again.",
  revokeAll:
    "Once all connections are revoked, whoever still wants it has to connect again. The installation stays as it is.",
  revokeShared:
    "Once it is revoked, nobody in the team is served until an admin connects again. The installation stays as it is.",
  uninstall:
    "Once it is uninstalled, nobody gets anything for it any more, everybody's connections end at the provider, and " +
    "its headers, environment entries and client secret are deleted. It does not come back.",
};

const FACTS = {
  name: "name",
  url: "URL",
  sharing: "sharing",
  requires_oauth: "requires OAuth",
  scopes: "scopes",
  changed: "changed",
  entries: "entries",
  issuer: "issuer",
  client_id: "client id",
  authorization_endpoint: "authorization endpoint",
  token_endpoint: "token endpoint",
  revocation_endpoint: "revocation endpoint",
  parameters: "parameters",
  pkce_unlisted: "PKCE vouched for",
  role: "role",
  satellite: "gateway",
  allowed: "allowed",
  failures: "failures",
  generation: "registration number",
};
const VALUES = {
  sharing: { per_user: "everybody alone", shared: "one account" },
  role: { team_admin: "admin", team_user: "member" },
};
const CHANGED = { ...FACTS, enabled: "enabled", provider: "provider", inject: "headers and environment" };

// The facts of a record, as one line. What only programs read is left out.
export function factsInWords(facts) {
  const known = Object.entries(FACTS).filter(([fact]) => fact in facts);
  return known.map(([fact, label]) => `${label}: ${factInWords(fact, facts[fact])}`).join("; ");
}

function factInWords(fact, value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (fact === "changed")
    return value
      .split(" ")
      .map((member) => CHANGED[member] ?? member)
      .join(", ");
  return VALUES[fact]?.[value] ?? String(value);
}

// Installing and connecting in one click: what was shown before it, and what is asked if something else was begun.

import { hostIn } from "./strongroom-connect.js";
import { confirmed } from "./strongroom-dom.js";

// The facts that the person has seen of what is about to be begun; null if nothing is known of the provider.
export function shownBefore({ url, probed }, { provider, scopes }) {
  const hosts = provider?.endpoints ? entered(provider.endpoints) : found(probed?.provider);
  if (!hosts) return null;
  return {
    mcp_host: hostIn(url),
    ...hosts,
    scopes: scopes.length ? scopes : (probed?.scopes ?? []),
    parameters: provider?.parameters ?? {},
    pkce_unlisted: provider?.pkce_unlisted ?? false,
  };
}

function entered({ authorization, token }) {
  return { provider_host: hostIn(authorization), token_host: hostIn(token) };
}

function found(provider) {
  return provider ? { provider_host: provider.authorization_host, token_host: provider.token_host } : null;
}

// Gives a function that has one key for one body, whatever becomes of the request, and another key for another body.
export function once() {
  let [sent, key] = [null, null];
  return (body) => {
    const now = JSON.stringify(body);
    if (now !== sent) [sent, key] = [now, crypto.randomUUID()];
    return key;
  };
}

const OTHERWISE = "This was found out just now. It is not, or not all of it, what you were shown before.";
const FOUND = "This was found out just now.";

// Gives what is asked if what was begun is not what was shown. The yes is a click, so that the window may open.
export function agreeing(shown) {
  return (begun) =>
    confirmed({
      title: `Go to ${begun.provider_host}?`,
      text: [shown ? OTHERWISE : FOUND, ...begunInWords(begun)],
      yes: `Go to ${begun.provider_host}`,
    });
}

function begunInWords({ mcp_host, provider_host, token_host, scopes, parameters, pkce_unlisted: vouched }) {
  const used = mcp_host ? `, and are used at ${mcp_host}` : "";
  const added = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  return [
    `You consent at ${provider_host}; tokens come from ${token_host}${used}.`,
    scopes.length ? `You are asked to allow: ${scopes.join(", ")}.` : "No scopes are named: the provider decides.",
    added.length ? `Added to the request: ${added.join(", ")}.` : null,
    vouched ? "The provider's metadata does not list PKCE with S256; an admin vouches that it works." : null,
  ].filter(Boolean);
}

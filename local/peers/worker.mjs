// The authorization server `@cloudflare/workers-oauth-provider` as a Worker. The page for consent is left to whoever uses
// the library: this one signs one account in and agrees at once. `/probe` hands on what the library says of a token, in
// the form of an introspection (RFC 7662 §2.2), which it does not have over HTTP.
import { OAuthAuthorizationServer } from "./oauth-provider.js";

let made;

function serverOf(env) {
  return (made ??= new OAuthAuthorizationServer({
    issuer: env.PEER_ISSUER,
    resources: [env.PEER_RESOURCE],
    scopesSupported: [...env.PEER_SCOPES.split(" "), "offline_access"],
    clientRegistrationEndpoint: "/oauth/register",
    clientIdMetadataDocumentEnabled: Boolean(env.PEER_DOCUMENTS),
  }));
}

async function authorize(request, env) {
  const helpers = serverOf(env).getOAuthApi(env);
  const asked = await helpers.parseAuthRequest(request);
  const agreed = { request: asked, userId: env.PEER_ACCOUNT, scope: asked.scope, metadata: {}, props: {} };
  const { redirectTo } = await helpers.completeAuthorization(agreed);
  return Response.redirect(redirectTo, 302);
}

async function probe(request, env) {
  const token = (request.headers.get("authorization") ?? "").replace(/^Bearer /, "");
  const facts = await serverOf(env).validateToken(env.PEER_RESOURCE, token, env);
  if (!facts) return Response.json({ active: false });
  const { audience, clientId, expiresAt, scope, userId } = facts;
  return Response.json({ active: true, aud: audience, client_id: clientId, exp: expiresAt, scope: scope.join(" "), sub: userId });
}

export default {
  fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    if (pathname === "/authorize") return authorize(request, env);
    if (pathname === "/probe") return probe(request, env);
    return serverOf(env).fetch(request, env, context);
  },
};

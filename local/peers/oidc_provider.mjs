// The authorization server `oidc-provider` with its own sign-in and consent pages, for tokens of one resource. What is
// switched on here is off by default; the policies are those that it has for development.
import { Provider, errors } from "oidc-provider";

const { PEER_PORT, PEER_ISSUER, PEER_RESOURCE, PEER_SCOPES, PEER_CLIENT, PEER_SECRET, PEER_ACCESS_SECONDS } = process.env;
// Documents of clients are fetched by https alone, and not from this machine: this is how our own, which has no certificate,
// is found on loopback.
const { PEER_DOCUMENTS, PEER_DOCUMENTS_AT } = process.env;

const provider = new Provider(PEER_ISSUER, {
  // Who may ask what a token is worth.
  clients: [{ client_id: PEER_CLIENT, client_secret: PEER_SECRET, grant_types: [], response_types: [], redirect_uris: [] }],
  cookies: { keys: [PEER_SECRET] },
  features: {
    clientIdMetadataDocument: { enabled: Boolean(PEER_DOCUMENTS), ack: "draft-02" },
    introspection: { enabled: true, allowedPolicy: (_context, client) => client.clientId === PEER_CLIENT },
    registration: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => {
        if (resource !== PEER_RESOURCE) throw new errors.InvalidTarget();
        return {
          scope: PEER_SCOPES,
          audience: PEER_RESOURCE,
          accessTokenFormat: "opaque",
          accessTokenTTL: Number(PEER_ACCESS_SECONDS),
        };
      },
    },
    revocation: { enabled: true },
  },
  fetch: (url, { dispatcher, ...options }) => fetch(String(url).replace(PEER_DOCUMENTS, PEER_DOCUMENTS_AT), options),
  findAccount: (_context, account) => ({ accountId: account, claims: () => ({ sub: account }) }),
  // By default a client with a secret keeps its refresh token until it has lived for seven tenths of its time.
  rotateRefreshToken: true,
});

provider.listen(Number(PEER_PORT), "127.0.0.1");

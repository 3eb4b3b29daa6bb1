// Runs `worker.mjs` in workerd, the Workers runtime itself, with a KV namespace in memory.
import { readFileSync } from "node:fs";
import { Miniflare } from "miniflare";

const LIBRARY = "node_modules/@cloudflare/workers-oauth-provider/dist/oauth-provider.js";
const { PEER_PORT, PEER_ISSUER, PEER_RESOURCE, PEER_SCOPES, PEER_ACCOUNT } = process.env;
// Documents of clients are fetched by https alone: this is how our own, which has no certificate, is found on loopback.
const { PEER_DOCUMENTS, PEER_DOCUMENTS_AT } = process.env;

const module = (path, file) => ({ type: "ESModule", path, contents: readFileSync(file, "utf8") });
const miniflare = new Miniflare({
  host: "127.0.0.1",
  port: Number(PEER_PORT),
  cf: false,
  compatibilityDate: "2026-07-01",
  compatibilityFlags: ["global_fetch_strictly_public"],
  modules: [module("worker.mjs", "worker.mjs"), module("oauth-provider.js", LIBRARY)],
  kvNamespaces: ["OAUTH_KV"],
  bindings: { PEER_ISSUER, PEER_RESOURCE, PEER_SCOPES, PEER_DOCUMENTS, PEER_ACCOUNT },
  outboundService: ({ url, headers }) => fetch(url.replace(PEER_DOCUMENTS, PEER_DOCUMENTS_AT), { headers }),
});

process.once("SIGTERM", () => miniflare.dispose().then(() => process.exit(0)));
await miniflare.ready;

// Run the web client's scripts without a browser: as little of a document as they touch, and a record of what they do.
// Standard input is a scene as JSON; standard output is what happened. Usage: node web_page.mjs <folder of the scripts>
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const scene = JSON.parse(readFileSync(0, "utf-8"));
const happened = { requests: [], notes: [], asked: [], listens: [], touched: [], left: [] };
const address = new URL(scene.address);

function store(kept) {
  const made = { getItem: (key) => kept[key] ?? null };
  Object.defineProperty(made, "setItem", { value: (key, text) => void (made[key] = kept[key] = String(text)) });
  Object.defineProperty(made, "removeItem", { value: (key) => (delete kept[key], delete made[key]) });
  Object.defineProperty(made, "getItem", { enumerable: false });
  return Object.assign(made, kept);
}

function element(id) {
  const clicks = [];
  const fields = new Proxy({}, { get: (all, name) => (all[name] ??= { value: "" }) });
  return {
    id,
    elements: fields,
    append() {},
    addEventListener: (kind, act) => kind === "click" && clicks.push(act),
    click: () => clicks.forEach((act) => act()),
    replaceChildren: (...children) => id === "ask" && children.length && happened.asked.push(children[0].textContent),
    set textContent(text) {
      this.text = text;
      if (id === "note" && text) happened.notes.push(text);
    },
    get textContent() {
      return this.text;
    },
  };
}

const places = {};
const settings = { api: "https://api.example", issuer: "https://signin.example", "client-id": "web", team: "acme" };
settings["redirect-uri"] = "https://web.example/signed-in";
globalThis.document = {
  querySelector: (wanted) => ({ content: settings[/strongroom-([a-z-]+)/.exec(wanted)[1]] }),
  getElementById: (id) => (places[id] ??= element(id)),
  createElement: () => element(""),
  forms: [],
};
globalThis.location = {
  pathname: address.pathname,
  search: address.search,
  hash: address.hash,
  assign: (target) => void happened.left.push(String(target)),
};
globalThis.history = {
  replaceState: (_state, _title, path) => {
    location.hash = "";
    location.search = new URL(path, address).search;
    happened.address = path;
  },
};
globalThis.sessionStorage = store(scene.tab ?? {});
globalThis.localStorage = store(scene.browser ?? {});

// Every way to another window leaves a trace, and so does every listener.
const listeners = [];
const other = (name) => new Proxy({}, { get: (_, member) => (happened.touched.push(`${name}.${String(member)}`), () => {}) });
for (const name of ["opener", "parent", "top", "frames"]) {
  Object.defineProperty(globalThis, name, { get: () => (happened.touched.push(name), other(name)), configurable: true });
}
globalThis.window = globalThis;
globalThis.self = globalThis;
globalThis.open = () => (happened.touched.push("open"), other("window"));
globalThis.postMessage = () => happened.touched.push("postMessage");
globalThis.addEventListener = (kind, act) => (happened.listens.push(kind), listeners.push([kind, act]));

globalThis.fetch = async (url, options = {}) => {
  const { pathname } = new URL(url);
  const route = `${options.method ?? "GET"} ${pathname}`;
  const sent = options.headers?.Authorization ?? null;
  happened.requests.push({ route, url: String(url), authorization: sent, body: String(options.body ?? "") });
  const [status, body] = scene.answers[route] ?? [404, { error: "not_found", message: "There is no such thing." }];
  return { ok: status < 400, status, json: async () => body };
};

async function still() {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((go) => setImmediate(go));
}

await import(pathToFileURL(`${process.argv[2]}/app.js`));
await still();
for (const data of scene.messages ?? []) {
  const event = { data, origin: "https://evil.example", source: other("source") };
  for (const [kind, act] of listeners) if (kind === "message") act(event);
  globalThis.onmessage?.(event);
}
await still();
happened.tab = { ...globalThis.sessionStorage };
console.log(JSON.stringify(happened));

// Installing an MCP server: ask it what it needs, show that, and install it; connecting begins in the same click.

import { agreeing, once, shownBefore } from "./admin-authorize.js";
import { actions, checkbox, choice, exactInput, folded, form, select, submit } from "./admin-form.js";
import { injectFields, scopesField } from "./admin-inject.js";
import { providerFields } from "./admin-manual.js";
import { notice } from "./admin-probe.js";
import { adviceOn, SHARED_QUESTION, SHARING, SHARING_HELP } from "./admin-words.js";
import { forAdmins } from "./strongroom-admins.js";
import { SignedOut } from "./strongroom-api.js";
import { begin } from "./strongroom-connect.js";
import { button, confirmed, element, field, replace } from "./strongroom-dom.js";
import { problemOf } from "./strongroom-words.js";

// `installed(answer)` is told of what was installed, `follow(authorization)` of what was begun with it.
export function installForm(strongroom, team, { installed, follow }) {
  const place = element("div");
  const desk = { strongroom, team, installed, follow, show: (...nodes) => replace(place, ...nodes) };
  desk.restart = () => {
    const { node, url } = addressForm(desk);
    desk.show(node);
    return url;
  };
  desk.restart();
  return element("section", { class: "strongroom-install" }, element("h3", {}, "Install an MCP server"), place);
}

// -- Which server

function addressForm(desk) {
  const url = exactInput({ type: "url", required: true, inputmode: "url", placeholder: "https://mcp.example.com/mcp" });
  const progress = element("p", { "aria-live": "polite" });
  const check = async () => {
    replace(progress, "Asking the server what it needs. This may take up to fifteen seconds.");
    try {
      settle(desk, { url: url.value.trim(), probed: await desk.strongroom.probe(desk.team, url.value.trim()) });
    } finally {
      replace(progress);
    }
  };
  const unasked = () => url.reportValidity() && settle(desk, { url: url.value.trim(), probed: null });
  const quiet = { class: "secondary outline" };
  const node = form({
    fields: [field("URL of the MCP server", url), progress],
    buttons: [
      submit("Check"),
      button("Install without asking the server", unasked, quiet),
      button("A server without a URL, started by gateways", () => settle(desk, { url: null, probed: null }), quiet),
    ],
    controls: { address_refused: url, url },
    send: check,
  });
  return { node, url };
}

// -- What it is to be

function settle(desk, server) {
  const told = server.probed ? notice(server.probed) : null;
  const other = button("Another server", () => desk.restart().focus(), { class: "secondary outline" });
  const heading = element(
    "h4",
    { tabindex: "-1" },
    server.url ? ["Server: ", element("code", {}, server.url)] : "A server without a URL",
  );
  const settings = settingsOf(desk, server);
  desk.show(heading, other, told?.node, formOf(desk, server, settings));
  (told?.heading ?? heading).focus();
}

function settingsOf(desk, server) {
  const name = element("input", { type: "text", required: true, maxlength: "80", autocomplete: "off" });
  name.value = server.url ? new URL(server.url).host : "";
  const need = needField(server);
  const sharing = choice("Who connects", sharingOptions(), "per_user");
  const provider = byHand(desk, server);
  const [scopes, inject] = [scopesField(), injectFields()];
  return { name, need, sharing, provider, scopes, inject };
}

function sharingOptions() {
  return Object.entries(SHARING).map(([value, label]) => ({ value, label, help: SHARING_HELP[value] }));
}

// What the admin knows of it. Empty: it is asked when it is installed, also if it was asked before, since only what
// Strongroom itself finds is shown to members.
function needField({ url, probed }) {
  const itself = probed?.requires_oauth === null ? "Not known: it is asked again now" : "As the server says";
  const asked = probed ? [["", itself]] : [];
  const options = [...asked, ["true", "Yes: people have to connect"], ["false", "No: nobody has to connect"]];
  return select(options, probed ? "" : String(url !== null));
}

// A switch, because what is entered counts only if it is meant.
function byHand(desk, server) {
  const wanted = checkbox(
    "Enter the provider by hand",
    "If the server does not say where tokens come from, or the provider registers nobody by itself.",
  );
  const fields = providerFields({
    draft: server.probed,
    issuer: server.probed?.issuer ?? "",
    makeDraft: (anAddress) => desk.strongroom.probe(desk.team, server.url ?? anAddress()),
    endpointsNeeded: server.url === null,
  });
  const box = element("fieldset", { disabled: true, hidden: true }, element("legend", {}, "Provider"), fields.node);
  const show = () => (box.disabled = box.hidden = !wanted.input.checked);
  wanted.input.addEventListener("change", show);
  const put = (on) => {
    wanted.input.checked = on;
    show();
  };
  put(server.probed?.registration === "by_hand");
  const node = element("div", {}, wanted.node, box);
  const value = () => (wanted.input.checked ? fields.value() : null);
  return { node, wanted: wanted.input, put, value, controls: fields.controls };
}

function formOf(desk, server, settings) {
  const { name, need, sharing, provider, scopes, inject } = settings;
  const oauth = element("fieldset", {}, sharing.node, provider.node, folded("Scopes", scopes.node));
  const injects = folded("Headers and environment", inject.node);
  injects.open = server.url === null;
  const connecting = submit("Install & Authorize", { value: "authorize" });
  const plain = submit("Install", { value: "install" });
  const show = () => {
    oauth.disabled = oauth.hidden = needs(server, need) === false; // what is hidden is not required either
    connecting.hidden = !mayConnect(server, need, provider);
    plain.className = connecting.hidden ? "" : "secondary";
  };
  const made = form({
    fields: [field("Name", name, "Unique in the team."), field("Does it require OAuth?", need), oauth, injects],
    buttons: [connecting, plain],
    controls: { name_taken: name, name, ...scopes.controls, ...inject.controls, ...provider.controls },
    send: sender(desk, server, settings),
  });
  made.addEventListener("change", show);
  if (server.url === null) need.addEventListener("change", () => provider.put(need.value === "true"));
  show();
  return made;
}

function needs({ probed }, need) {
  return need.value ? need.value === "true" : (probed?.requires_oauth ?? null);
}

function mayConnect(server, need, provider) {
  if (needs(server, need) === false) return false;
  return (
    provider.wanted.checked ||
    (server.probed ? server.probed.connects !== false && needs(server, need) : server.url !== null)
  );
}

// -- Installing

function wantedBy(server, { name, need, sharing, provider, scopes, inject }) {
  const body = { name: name.value.trim(), url: server.url, inject: inject.value() };
  if (needs(server, need) === false) return { ...body, ...(need.value ? { requires_oauth: false } : {}) };
  const entered = provider.value();
  return {
    ...body,
    sharing: sharing.value(),
    scopes: scopes.value(),
    provider: entered,
    ...(need.value && !entered ? { requires_oauth: true } : {}),
  };
}

// Gives the function that sends the form. An answer that was lost is asked for again under the same key, so that
// nothing is installed twice; another body is another installation.
function sender(desk, server, settings) {
  const keyOf = once();
  let answer = null;
  return async (way) => {
    const wanted = wantedBy(server, settings);
    if (wanted.sharing === "shared" && !(await confirmed(SHARED_QUESTION))) return;
    const install = async () => (answer = await desk.strongroom.install(desk.team, wanted, keyOf(wanted)));
    if (way !== "authorize") return done(desk, await install());
    const shown = shownBefore(server, wanted);
    const installation = async () => (await install()).installation;
    const connect = () => begin(desk.strongroom, { team: desk.team, installation, shown, agree: agreeing(shown) });
    await connected(desk, connect, () => answer);
  };
}

const NOT_ASKED = "Nobody was asked to consent: nothing is connected yet.";

// Whatever becomes of the authorization: once it is installed, it is installed.
async function connected(desk, connect, answer) {
  try {
    const authorization = await connect();
    const way = authorization ? { goesTo: authorization.facts.provider_host } : { trouble: NOT_ASKED };
    await done(desk, answer(), way);
    if (authorization) desk.follow(authorization);
  } catch (problem) {
    if (!answer() || problem instanceof SignedOut) throw problem;
    await done(desk, answer(), { trouble: `Connecting could not begin: ${forAdmins(problemOf(problem))}` });
  }
}

// What has come of it, and what there is to do about it. Focus goes there: the form is gone.
async function done(desk, answer, { trouble = null, goesTo = null } = {}) {
  const heading = element("h4", { tabindex: "-1" }, `${answer.name} is installed`);
  const found = answer.discovery;
  const another = button("Install another", () => desk.restart().focus(), { class: "secondary outline" });
  const lacks = found ? [element("strong", {}, found.text), ` ${adviceOn(found.code)}`] : null;
  desk.show(
    heading,
    trouble ? element("p", { class: "strongroom-notice strongroom-trouble" }, trouble) : null,
    lacks ? element("p", { class: "strongroom-notice strongroom-trouble" }, lacks) : null,
    goesTo ? element("p", {}, `What comes of connecting it at ${goesTo} is told at ${answer.name} in the list.`) : null,
    element("p", {}, whatNow(answer, goesTo)),
    actions(another),
  );
  heading.focus();
  await desk.installed(answer);
}

function whatNow({ next, name, discovery }, underWay) {
  if (discovery && !underWay) return "It is in the list all the same, but as it is nobody may be able to connect.";
  if (!next) return "Nobody has to connect: gateways use it at once.";
  if (!next.confirm_shared)
    return `${underWay ? "Others" : "Whoever wants to use it"} can connect at ${name} in the list.`;
  return underWay
    ? "The account that you allow there serves the whole team."
    : `An admin connects it for the whole team, at ${name} in the list.`;
}

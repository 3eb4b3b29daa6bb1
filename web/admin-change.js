// The forms that change an installation. Each says before it is saved what it ends.

import { choice, exactInput, folded, form, select, submit } from "./admin-form.js";
import { injectFields, scopesField } from "./admin-inject.js";
import { enteredProvider, providerFields } from "./admin-manual.js";
import { areConnected, CONSEQUENCES, SHARED_QUESTION, SHARING, SHARING_HELP } from "./admin-words.js";
import { button, confirmed, element, field } from "./strongroom-dom.js";
import { dateOf } from "./strongroom-words.js";

// `subject`: `{strongroom, team, id, installation, etag, counts, save}`.
export function changeForms(subject) {
  const oauth = subject.installation.requires_oauth !== false;
  const forms = [renaming, moving, ...(oauth ? [sharing, scoping] : []), providing, secret, injecting, needing];
  const shown = forms.map((one) => one(subject)).filter(Boolean);
  return element("section", {}, element("h4", {}, "Change"), ...shown);
}

// One change: what it means, its fields, and the button. `changes()` is the body; `done` is said afterwards.
function changing(
  subject,
  { title, means, label = "Save", fields, controls, changes, done, ends = false, question = null },
) {
  const send = async () => {
    const wanted = changes();
    const asked =
      typeof question === "function" ? question() : (question ?? (ends ? endingQuestion(subject, title, means) : null));
    if (asked && !(await confirmed(asked))) return;
    await subject.save(() => subject.strongroom.change(subject.team, subject.id, wanted, subject.etag), done);
  };
  return folded(
    title,
    form({ fields: [element("p", {}, means), ...fields], buttons: [submit(label)], controls, send }),
  );
}

// Asked only if there is something to end.
function endingQuestion({ installation, counts }, title, means) {
  if (!counts.connected) return null;
  const again = installation.sharing === "shared" ? "an admin would have to connect it" : "would have to connect";
  const who = `${areConnected(counts, installation)}, and ${again} again.`;
  return { title: `${title}: ${installation.name}?`, text: [who, means], yes: "Save, and end these connections" };
}

function renaming(subject) {
  const name = element("input", { type: "text", required: true, maxlength: "80", autocomplete: "off" });
  name.value = subject.installation.name;
  return changing(subject, {
    title: "Rename",
    means: CONSEQUENCES.name,
    fields: [field("Name", name)],
    controls: { name, name_taken: name },
    changes: () => ({ name: name.value.trim() }),
    done: "The name is saved.",
  });
}

function moving(subject) {
  const { url: present } = subject.installation;
  const url = exactInput({ type: "url", required: true, inputmode: "url", value: present ?? "" });
  return changing(subject, {
    title: present ? "Change the URL" : "Give it a URL",
    means: CONSEQUENCES.url,
    ends: true,
    fields: [field("URL of the MCP server", url)],
    controls: { url, address_refused: url },
    changes: () => ({ url: url.value.trim() }),
    done: "The URL is saved. People connect again, to the server that is there.",
  });
}

function sharing(subject) {
  const options = Object.entries(SHARING).map(([value, label]) => ({ value, label, help: SHARING_HELP[value] }));
  const mode = choice("Who connects", options, subject.installation.sharing);
  return changing(subject, {
    title: "Who connects",
    means: CONSEQUENCES.sharing,
    fields: [mode.node],
    question: () => sharingQuestion(subject, mode.value()),
    changes: () => ({ sharing: mode.value() }),
    done: "Who connects is saved.",
  });
}

function sharingQuestion(subject, wanted) {
  if (wanted === subject.installation.sharing) return null;
  const ending = endingQuestion(subject, "Who connects", CONSEQUENCES.sharing);
  if (wanted === "per_user") return ending;
  return { ...SHARED_QUESTION, text: [...SHARED_QUESTION.text, ...(ending ? [ending.text[0]] : [])] };
}

function scoping(subject) {
  const scopes = scopesField(subject.installation.scopes);
  return changing(subject, {
    title: "Scopes",
    means: CONSEQUENCES.scopes,
    fields: [scopes.node],
    controls: scopes.controls,
    changes: () => ({ scopes: scopes.value() }),
    done: "The scopes are saved.",
  });
}

function injecting(subject) {
  const { injects, requires_oauth: needed } = subject.installation;
  const inject = injectFields(injects);
  return changing(subject, {
    title: "Headers and environment",
    means: needed === false ? CONSEQUENCES.injectWithoutOAuth : CONSEQUENCES.inject,
    ends: needed !== false,
    fields: [inject.node],
    controls: inject.controls,
    changes: () => ({ inject: inject.value() }),
    done: "Headers and environment are saved.",
  });
}

// A server that needs no OAuth has neither provider nor scopes.
function needing(subject) {
  const { requires_oauth: needed, provider } = subject.installation;
  const need = select(
    [
      ["true", "Yes: people have to connect"],
      ["false", "No: nobody has to connect"],
    ],
    String(needed !== false),
  );
  const none = { requires_oauth: false, scopes: [], ...(provider?.entered ? { provider: null } : {}) };
  return changing(subject, {
    title: "Whether it requires OAuth",
    means: CONSEQUENCES.oauth,
    ends: true,
    fields: [field("Does it require OAuth?", need)],
    controls: { requires_oauth: need, template_refused: need },
    changes: () => (need.value === "true" ? { requires_oauth: true } : none),
    done: "Whether it requires OAuth is saved.",
  });
}

// -- The provider

// A provider is entered anew as a whole, under a callback URL of its own.
function providing(subject) {
  const { strongroom, team, installation } = subject;
  const { provider, url } = installation;
  const fields = providerFields({
    issuer: provider?.issuer ?? "",
    makeDraft: (anAddress) => strongroom.probe(team, url ?? anAddress()),
    endpointsNeeded: url === null,
  });
  const entered = provider?.entered ? enteredProvider(provider, dateOf) : null;
  const anew = changing(subject, {
    title: entered ? "Enter another provider or client" : "Enter the provider by hand",
    means: CONSEQUENCES.provider,
    ends: true,
    fields: [fields.node],
    controls: fields.controls,
    changes: () => ({ provider: fields.value() }),
    done: "The provider is saved. People connect again.",
  });
  if (!entered) return anew;
  const shown = folded("The provider that was entered", entered);
  return element("div", {}, shown, anew, url === null ? null : discovering(subject));
}

function discovering(subject) {
  return changing(subject, {
    title: "Go back to what the server says",
    means: CONSEQUENCES.discovered,
    ends: true,
    label: "Forget what was entered",
    fields: [],
    changes: () => ({ provider: null }),
    done: "What was entered of the provider is forgotten. People connect again.",
  });
}

function secret(subject) {
  const { strongroom, team, id, etag, installation, save } = subject;
  if (!installation.provider?.client_secret) return null;
  const value = exactInput({ type: "password", required: true });
  const rotate = () => strongroom.rotateClientSecret(team, id, value.value, etag);
  const made = form({
    fields: [element("p", {}, CONSEQUENCES.secret), field("Another client secret", value, "It is never shown again.")],
    buttons: [submit("Save")],
    controls: { client_secret: value },
    send: () => save(rotate, "The client secret is saved."),
  });
  return folded("Enter another secret", made);
}

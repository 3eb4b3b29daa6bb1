// Names with values, a row for each: parameters of a request, headers, variables.

import { exactInput, Unfinished } from "./admin-form.js";
import { button, element, field, replace } from "./strongroom-dom.js";

const TOKEN = "{access_token}";
const COVERED = { type: "password", autocomplete: "new-password" }; // "off" would not keep browsers from filling it in

// `what` is one of them ("header"), for labels. `present`: entries that are there already, `{name, carries_token}`,
// whose values nobody is shown. `isSecret`: values are for gateways alone, are covered while they are typed, and may
// hold the token. Gives `{node, meant, values}`: `meant(message)` is the control that a refusal is about, and
// `values()` has null for what is to be taken away.
export function rows({ legend, what, help = null, most = 20, present = [], isSecret = false }) {
  const list = element("div");
  const kept = present.map((entry) => keptRow(entry, what));
  const add = button(`Add a ${what}`, () => added(), { class: "secondary outline" });
  const added = () => {
    const made = newRow(what, list.children.length + 1, isSecret, () => gone(made));
    list.append(made.node);
    add.hidden = list.children.length >= most;
    made.name.focus();
  };
  const gone = (made) => {
    made.node.remove();
    add.hidden = false;
    add.focus();
  };
  const hint = help ? element("p", {}, element("small", {}, help)) : null;
  const node = element("fieldset", {}, element("legend", {}, legend), hint, ...kept.map((one) => one.node), list, add);
  return { node, meant: (message) => meantIn(list, message) ?? add, values: () => valuesIn(list, kept, what) };
}

function keptRow({ name, carries_token: carries }, what) {
  const line = element("p", { class: "strongroom-kept" });
  let removed = false;
  const show = () => {
    const state = removed
      ? "will be removed when you save"
      : `its value is not shown${carries ? "; carries the token" : ""}`;
    replace(line, element("code", {}, name), ` (${state}) `, toggle);
    replace(toggle, removed ? "Keep" : "Remove");
    toggle.setAttribute("aria-label", `${removed ? "Keep" : "Remove"} the ${what} ${name}`);
  };
  const toggle = button(
    "Remove",
    () => {
      removed = !removed;
      show();
      toggle.focus();
    },
    { class: "secondary outline" },
  );
  show();
  return { node: line, name, removed: () => removed };
}

function newRow(what, number, isSecret, remove) {
  const name = exactInput({ "data-part": "name", required: true });
  const value = exactInput({ "data-part": "value", required: true, ...(isSecret ? COVERED : {}) });
  const node = element(
    "div",
    { class: "strongroom-row" },
    field(`Name of ${what} ${number}`, name),
    field(`Value of ${what} ${number}`, value, isSecret ? `${TOKEN} stands for the access token.` : null),
    element(
      "div",
      { class: "strongroom-actions" },
      isSecret ? button(`Insert ${TOKEN}`, () => inserted(value), { class: "secondary outline" }) : null,
      isSecret ? uncovering(value, `${what} ${number}`) : null,
      button("Remove", remove, { class: "secondary outline", "aria-label": `Remove ${what} ${number}` }),
    ),
  );
  return { node, name };
}

function uncovering(value, which) {
  const label = () => {
    const does = value.type === "password" ? "Show" : "Hide";
    replace(toggle, does);
    toggle.setAttribute("aria-label", `${does} ${which}`);
  };
  const turned = () => {
    value.type = value.type === "password" ? "text" : "password";
    label();
  };
  const toggle = button("", turned, { class: "secondary outline" });
  label();
  return toggle;
}

// Messages name the entry; the last one is meant if they do not.
function meantIn(list, message) {
  const names = [...list.querySelectorAll("[data-part=name]")];
  return names.find(({ value }) => value && message.includes(value)) ?? names.at(-1);
}

function inserted(value) {
  value.setRangeText(TOKEN, value.selectionStart, value.selectionEnd, "end");
  value.focus();
}

function valuesIn(list, kept, what) {
  const values = Object.fromEntries(kept.filter((one) => one.removed()).map(({ name }) => [name, null]));
  const seen = new Set();
  for (const node of list.children) {
    const [name, value] = ["name", "value"].map((part) => node.querySelector(`[data-part=${part}]`));
    if (seen.has(name.value)) throw new Unfinished(`There are two rows for the ${what} ${name.value}.`, name);
    seen.add(name.value);
    values[name.value] = value.value;
  }
  return values;
}

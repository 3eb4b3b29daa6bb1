// What the forms of admins have in common: what is wrong is said at the form itself, and focus goes there.

import { refusalInWords } from "./admin-words.js";
import { Refused } from "./strongroom-api.js";
import { attempt, button, element, freshId, replace, tell } from "./strongroom-dom.js";

// What the person has to mend before anything is sent; `control` is where.
export class Unfinished extends Error {
  constructor(message, control) {
    super(message);
    this.name = "Unfinished";
    this.control = control;
  }
}

// Answers that are about what was entered. The others are about the sign-in, the network or the hour, and go to whoever
// listens for `strongroom-problem`.
const ABOUT_THE_FORM = [400, 409, 422];

// A form with its fields, a place for what is wrong, and its buttons. `send(value of the button)` sends it.
// `controls`: the control that is meant by an error code, or by a member of the body.
export function form({ fields, buttons, controls = {}, send }) {
  const problems = problemsOf(controls);
  const made = element("form", {}, ...fields, problems.node, actions(...buttons));
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    const pressed = event.submitter ?? buttons[0];
    attempt(pressed, () => problems.told(() => send(pressed.value)));
  });
  return made;
}

export function actions(...buttons) {
  return element("div", { class: "strongroom-actions" }, ...buttons);
}

// A place where it is said what is wrong with what was entered around it. `told(act)` acts, and says there what fails.
export function problemsOf(controls = {}) {
  const node = element("div", { role: "alert" });
  const told = async (act) => {
    unmark(node);
    try {
      await act();
    } catch (problem) {
      if (!isAboutTheForm(problem)) throw problem;
      mark(node, refusalInWords(problem), controlOf(problem, controls));
    }
  };
  return { node, told };
}

function isAboutTheForm(problem) {
  return problem instanceof Unfinished || (problem instanceof Refused && ABOUT_THE_FORM.includes(problem.status));
}

// A control may be a function, which is given the message: one of many is meant, or one that is made only then.
function controlOf(problem, controls) {
  const control = problem.control ?? controls[codeOrMember(problem)];
  return typeof control === "function" ? control(problem.message) : control;
}

// A body of another form is refused with the names of its members: "missing or of another form: name, url".
function codeOrMember({ code, message }) {
  return code === "invalid_request" ? (/form: ([a-z_]+)/.exec(message)?.[1] ?? code) : code;
}

function mark(alert, message, control) {
  const said = element(
    "p",
    { id: freshId("alert"), tabindex: "-1", class: "strongroom-notice strongroom-trouble" },
    message,
  );
  replace(alert, said);
  if (!control?.isConnected) return said.focus();
  reveal(control);
  control.setAttribute("aria-invalid", "true");
  control.dataset.describedBefore = control.getAttribute("aria-describedby") ?? "";
  control.setAttribute("aria-describedby", `${control.dataset.describedBefore} ${said.id}`.trim());
  control.focus();
}

function unmark(alert) {
  replace(alert);
  for (const control of alert.parentElement.querySelectorAll("[aria-invalid=true]")) {
    control.removeAttribute("aria-invalid");
    if (control.dataset.describedBefore) control.setAttribute("aria-describedby", control.dataset.describedBefore);
    else control.removeAttribute("aria-describedby");
    delete control.dataset.describedBefore;
  }
}

// What lies in closed details cannot be focused.
function reveal(control) {
  for (let around = control.closest("details"); around; around = around.parentElement.closest("details")) {
    around.open = true;
  }
}

// A button in a form submits it by itself; Pico stretches those that say so over the whole line.
export function submit(label, properties = {}) {
  return element("button", properties, label);
}

// Text that is typed here for programs, not for people: nothing completes, corrects or remembers it.
export function exactInput(properties = {}) {
  return element("input", {
    type: "text",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    ...properties,
  });
}

// One of several, as radio buttons. `options`: `{value, label, help}`. Gives `{node, value}`.
export function choice(legend, options, chosen, changed = () => {}) {
  const name = freshId("choice");
  const one = ({ value, label, help }) => {
    const input = element("input", { type: "radio", name, value, checked: value === chosen });
    return element("label", {}, input, label, help ? element("small", {}, ` ${help}`) : null);
  };
  const node = element("fieldset", { onchange: changed }, element("legend", {}, legend), ...options.map(one));
  return { node, value: () => node.querySelector("input:checked").value };
}

export function select(options, chosen, properties = {}) {
  const one = ([value, label]) => element("option", { value, selected: value === chosen }, label);
  return element("select", properties, ...options.map(one));
}

export function checkbox(label, help = null, properties = {}) {
  const input = element("input", { type: "checkbox", id: freshId("check"), ...properties });
  const hint = help ? element("small", { id: `${input.id}-help` }, help) : null;
  if (hint) input.setAttribute("aria-describedby", hint.id);
  return { input, node: element("div", { class: "field" }, element("label", {}, input, label), hint) };
}

export function folded(summary, ...children) {
  return element("details", {}, element("summary", {}, summary), ...children);
}

// Fill what has just been opened. If that fails, it can be tried again there.
export async function opened(panel, place, fill) {
  try {
    await fill();
  } catch (problem) {
    replace(place, button("Try again", fill));
    tell(panel, problem);
  }
}

// Text to take elsewhere.
export function copyable(label, text, help = null) {
  const input = element("input", { type: "text", readonly: true, value: text, id: freshId("copy") });
  const said = element("small", { "aria-live": "polite" });
  const copy = button("Copy", () => copied(input, said), { class: "secondary", "aria-label": `Copy: ${label}` });
  const hint = help ? element("small", { id: `${input.id}-help` }, help) : null;
  if (hint) input.setAttribute("aria-describedby", hint.id);
  const line = element("div", { class: "strongroom-copy" }, input, copy);
  return {
    input,
    node: element("div", { class: "field" }, element("label", { for: input.id }, label), line, hint, said),
  };
}

// Without the right to write to the clipboard, the text is left selected for the person's own keys.
async function copied(input, said) {
  try {
    await navigator.clipboard.writeText(input.value);
    replace(said, "Copied.");
  } catch {
    input.focus();
    input.select();
    replace(said, "It could not be copied from here. It is selected: copy it with your keyboard.");
  }
}

// A table that scrolls within its own box where the screen is narrow; the box is focusable, so that keys can scroll it.
export function table(label, heads, rows, properties = {}) {
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  const body = element("tbody", {}, ...rows);
  const made = element("table", {}, element("thead", {}, head), body);
  const box = { class: "overflow-auto", role: "region", "aria-label": label, tabindex: "0", ...properties };
  return { node: element("div", box, made), body };
}

export function row(...cells) {
  return element("tr", {}, ...cells.map((cell) => element("td", {}, cell)));
}

// Names and what they are, as a list of terms. A term without content is left out.
export function terms(pairs) {
  const shown = pairs.filter(([, content]) => content !== null && content !== undefined && content !== "");
  const rows = shown.map(([name, content]) => element("div", {}, element("dt", {}, name), element("dd", {}, content)));
  return element("dl", { class: "strongroom-facts" }, ...rows);
}

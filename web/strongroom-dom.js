// The only place that makes nodes. Text is set as text, never as markup, and attributes come from our own code.

// Make an element. Properties that begin with `on` are listeners; the others are attributes, where true stands for an
// empty one and false, null and undefined for none. Children are nodes, text, or nothing.
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...present(children));
  return made;
}

export function replace(place, ...children) {
  place.replaceChildren(...present(children));
}

function present(children) {
  return children.flat().filter((child) => child !== null && child !== undefined && child !== false);
}

// A button that does one thing at a time, and tells its surroundings if that fails: whoever listens for
// `strongroom-problem` says it.
export function button(label, act, properties = {}) {
  const made = element("button", { type: "button", ...properties }, label);
  made.addEventListener("click", (event) => attempt(made, () => act(event)));
  return made;
}

// Run what a person started. While it runs, `control` is busy and cannot be pressed again.
export async function attempt(control, act) {
  if (control.getAttribute("aria-busy") === "true") return;
  control.setAttribute("aria-busy", "true");
  try {
    await act();
  } catch (problem) {
    tell(control.isConnected ? control : document.body, problem);
  } finally {
    control.removeAttribute("aria-busy");
  }
}

export function tell(from, problem) {
  from.dispatchEvent(new CustomEvent("strongroom-problem", { bubbles: true, detail: problem }));
}

// An anchor to a page of somebody else, which learns nothing of us. Only http and https lead anywhere.
export function linkTo(url, text) {
  const target = URL.canParse(url) ? new URL(url) : null;
  if (!["https:", "http:"].includes(target?.protocol)) return element("span", {}, text);
  return element("a", { href: target.href, target: "_blank", rel: "noopener noreferrer" }, text);
}

// Text for who does not see what it stands beside: what a screen reader says besides.
export function unseen(text) {
  return element("span", { class: "strongroom-unseen" }, text);
}

let counted = 0;

// A fresh id, to tie labels, descriptions and headings to what they belong to.
export function freshId(what) {
  counted += 1;
  return `strongroom-${what}-${counted}`;
}

// A labelled control. `help` is a line below it that is read out with it.
export function field(label, control, help = null) {
  const id = control.id || freshId("field");
  control.id = id;
  if (!help) return element("div", { class: "field" }, element("label", { for: id }, label), control);
  const hint = element("small", { id: `${id}-help` }, help);
  control.setAttribute("aria-describedby", hint.id);
  return element("div", { class: "field" }, element("label", { for: id }, label), control, hint);
}

// Ask before something that cannot be taken back. Gives whether the person said yes; Escape is a no.
export function confirmed({ title, text, yes, no = "Cancel" }) {
  return new Promise((decide) => {
    const heading = element("h2", { id: freshId("dialog") }, title);
    const close = (answer) => () => {
      dialog.returnValue = answer;
      dialog.close(answer);
    };
    const dialog = element(
      "dialog",
      { "aria-labelledby": heading.id },
      element(
        "article",
        {},
        heading,
        ...[text].flat().map((line) => element("p", {}, line)),
        element(
          "footer",
          {},
          element("button", { type: "button", class: "secondary", onclick: close("no") }, no),
          element("button", { type: "button", onclick: close("yes") }, yes),
        ),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      decide(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

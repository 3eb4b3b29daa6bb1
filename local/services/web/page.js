// The only place that touches the document. Text is set as text, never as markup.
export function element(name, text = "", ...children) {
  const made = document.createElement(name);
  made.textContent = text;
  made.append(...children);
  return made;
}

export function button(label, act) {
  const made = element("button", label);
  made.type = "button";
  made.addEventListener("click", () => attempt(act));
  return made;
}

export const place = (id) => document.getElementById(id);

export function note(text) {
  place("note").textContent = text;
  place("note").hidden = text === "";
}

// Ask one thing at a time; no buttons takes the question away.
export function ask(text, ...buttons) {
  place("ask").replaceChildren(...(text ? [element("p", text), ...buttons] : []));
  place("ask").hidden = text === "";
}

// Run something that a person started, and say what went wrong.
export async function attempt(act) {
  try {
    await act();
  } catch (failed) {
    note(failed.message);
  }
}

const MOMENT = { dateStyle: "medium", timeStyle: "medium" };

function status(connection) {
  if (!connection) return "needs no OAuth";
  const parts = [connection.status];
  if (connection.reason) parts.push(`(${connection.reason})`);
  if (connection.expires_at) {
    parts.push(`until ${new Intl.DateTimeFormat("en", MOMENT).format(connection.expires_at * 1000)}`);
  }
  return parts.join(" ");
}

export function showInstallations(installations, connect, revoke) {
  place("installations").replaceChildren(
    ...installations.map((one) =>
      element(
        "li",
        "",
        element("strong", one.name),
        element("div", `${one.url ?? "started by the gateway"} · ${one.sharing}`),
        element("div", status(one.connection)),
        ...(one.connection ? [button("Connect", () => connect(one)), button("Revoke", () => revoke(one))] : []),
      ),
    ),
  );
}

export function showUser(user, signIn, signInAsSomebodyElse) {
  const words = user ? `Signed in as ${user}.` : "Nobody is signed in.";
  const change = user ? button("Sign in as somebody else", signInAsSomebodyElse) : button("Sign in", signIn);
  place("who").replaceChildren(element("p", words), change);
  for (const form of document.forms) form.hidden = !user;
}

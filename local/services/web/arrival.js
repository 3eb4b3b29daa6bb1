// What the fragment brings back from a consent, and what this browser remembers of having begun one.
const ARRIVED = "strongroom.arrival";
const BEGUN = "strongroom.begun.";

// Take the fragment out of the address before anything else can see it, and keep it for this tab across sign-in.
export function takeFragment() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (!location.hash) return;
  history.replaceState(null, "", location.pathname + location.search);
  const id = fragment.get("authorization");
  if (!id) return;
  const arrival = { id, secret: fragment.get("secret"), outcome: fragment.get("outcome") };
  sessionStorage.setItem(ARRIVED, JSON.stringify(arrival));
}

export function arrived() {
  return JSON.parse(sessionStorage.getItem(ARRIVED) ?? "null");
}

export function forgetArrival() {
  const arrival = arrived();
  if (arrival) localStorage.removeItem(BEGUN + arrival.id);
  sessionStorage.removeItem(ARRIVED);
}

export function rememberBegun(id, begun) {
  localStorage.setItem(BEGUN + id, JSON.stringify(begun));
}

// Who began this authorization in this very browser, where, and until when; null if nobody did.
export function begunHere(id) {
  return JSON.parse(localStorage.getItem(BEGUN + id) ?? "null");
}

export function forgetOld(now) {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(BEGUN) && JSON.parse(localStorage.getItem(key)).expires_at < now) localStorage.removeItem(key);
  }
}

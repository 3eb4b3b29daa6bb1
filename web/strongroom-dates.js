// How dates read, in the person's own time zone, and spans of time.
import { element } from "./strongroom-dom.js";

const DATE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const SERVER_TIME = /(\d{4}-\d\d-\d\d \d\d:\d\d UTC)/;

export function dateOf(seconds) {
  return DATE.format(seconds * 1000);
}

export function timeAt(seconds) {
  return element("time", { datetime: new Date(seconds * 1000).toISOString() }, dateOf(seconds));
}

// The API's sentences name times in UTC, next to dates that are not. Gives text and `<time>`s.
export function inLocalTime(sentence) {
  return sentence.split(SERVER_TIME).map((part, at) => (at % 2 ? timeAt(Date.parse(isoOf(part)) / 1000) : part));
}

function isoOf(serverTime) {
  return `${serverTime.slice(0, 10)}T${serverTime.slice(11, 16)}Z`;
}

export function inWords(seconds) {
  if (seconds < 100) return seconds === 1 ? "one second" : `${seconds} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}

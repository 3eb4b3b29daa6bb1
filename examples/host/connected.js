// The page at `WebClientUrl`: people come with what a provider has answered (in the fragment), or by the link that a
// gateway hands out (in the query). It loads nothing but the product's own files and Strongroom's.
import { Strongroom } from "https://strongroom.example.com/connections/strongroom-api.js";
import {
  begunHere,
  finish,
  forgetOld,
  takeArrival,
} from "https://strongroom.example.com/connections/strongroom-connect.js";
import "https://strongroom.example.com/connections/strongroom-connections.js";
import { confirmed } from "https://strongroom.example.com/connections/strongroom-dom.js";
import {
  finishQuestion,
  finishSentence,
  problemOf,
} from "https://strongroom.example.com/connections/strongroom-words.js";
import { say, signedOut, signIn, token, welcome } from "./sign-in.js";

const arrival = takeArrival(); // first of all: after this line nobody finds it in the address
forgetOld();
const strongroom = new Strongroom({ origin: "https://strongroom.example.com", token });
const connections = document.querySelector("strongroom-connections");

async function start() {
  if (!(await welcome({ atOnce: arrival !== null }))) return; // what has arrived waits in this tab's storage
  if (arrival) await finishArrival();
  else show(Object.fromEntries(new URLSearchParams(location.search)));
}

async function finishArrival() {
  const isPopup = begunHere(arrival.id)?.way === "popup";
  const done = await finish(strongroom, arrival, { ask: (question) => confirmed(finishQuestion(question)) });
  say(finishSentence(done).sentence);
  if (done.state === "someone_else") return offer(`Sign in as ${done.user}`, () => signIn({ asSomebodyElse: true }));
  if (!isPopup) return show(done.facts);
  offer("Close this window", () => window.close());
  if (done.state === "completed") window.close(); // not every browser lets a page do so: then the words stay
}

// One installation of a team. Opening this page starts nothing: the click on Connect does.
function show(what) {
  if (!what?.team) return;
  for (const name of ["team", "installation"]) connections.setAttribute(name, what[name] ?? "");
  connections.token = token;
  connections.hidden = false;
}

function offer(label, act) {
  const next = document.getElementById("next");
  next.textContent = label;
  next.onclick = act;
  next.hidden = false;
  next.focus();
}

connections.addEventListener("strongroom-signed-out", () => {
  connections.hidden = true;
  signedOut();
});

start().catch((problem) => {
  say(problemOf(problem));
  offer("Try again", () => location.reload()); // what arrived is kept while it may still be finished
});

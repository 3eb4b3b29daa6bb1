// A design of one's own, without the element: one button that connects one installation.
import { SignedOut, Strongroom } from "https://strongroom.example.com/connections/strongroom-api.js";
import { closedWords, destination, openWords } from "https://strongroom.example.com/connections/strongroom-card.js";
import { begin, offered } from "https://strongroom.example.com/connections/strongroom-connect.js";
import { meaningOf, outcomeOf, problemOf } from "https://strongroom.example.com/connections/strongroom-words.js";
import { say, signedOut, token, welcome } from "./sign-in.js";

const isSignedIn = await welcome();
const { team, installation } = Object.fromEntries(new URLSearchParams(location.search));
const strongroom = new Strongroom({ origin: "https://strongroom.example.com", token });
const [connectButton, agreeButton, leads] = ["connect", "agree", "leads"].map((id) => document.getElementById(id));
const [reopenButton, stopButton] = ["reopen", "stop"].map((id) => document.getElementById(id));
let shown = null;

// People see where it leads before they click.
async function show() {
  const { installation: one } = await strongroom.look(team, installation);
  shown = offered(one);
  lead(shown, connectButton);
  return one;
}

function lead(facts, button) {
  leads.replaceChildren(...(facts ? [destination(facts)] : []));
  for (const one of [connectButton, agreeButton]) one.hidden = one !== button;
}

async function connect() {
  connectButton.hidden = true; // it is begun no second time
  const authorization = await begin(strongroom, { team, installation, shown, agree });
  const host = authorization.facts.provider_host;
  [reopenButton.onclick, stopButton.onclick] = [() => authorization.reopen(), () => authorization.stop()];
  waiting(true);
  const onWindow = (open) => say(open ? openWords(host) : closedWords(host));
  onWindow(true);
  const outcome = await authorization.settled({ onWindow }).finally(() => waiting(false));
  say(outcomeOf(outcome, (await show()).connection).sentence);
}

// While it is under way it can be opened again, or waited for no longer.
function waiting(isUnderWay) {
  for (const one of [connectButton, agreeButton]) one.hidden = true;
  for (const one of [reopenButton, stopButton]) one.hidden = !isUnderWay;
}

// It leads elsewhere than was shown, or that was not known yet: the next click says yes to what is shown now.
function agree(begun) {
  lead(begun, agreeButton);
  return new Promise((decide) => agreeButton.addEventListener("click", () => decide(true), { once: true }));
}

function trouble(problem) {
  if (problem instanceof SignedOut) signedOut();
  else say(problemOf(problem));
}

connectButton.addEventListener("click", () =>
  connect().catch((problem) => {
    lead(shown, connectButton);
    trouble(problem);
  }),
);
if (isSignedIn) await show().then((one) => say(meaningOf(one)), trouble);

// Every sentence that people read about connections, for pages to take from here. The modules are by what it is about.
export { dateOf, inLocalTime, timeAt } from "./strongroom-dates.js";
export {
  finishQuestion,
  finishSentence,
  GONE,
  NOT_BEGUN,
  outcomeOf,
  REVOKED,
  revokeQuestion,
} from "./strongroom-outcomes.js";
export { nothingFor, problemOf } from "./strongroom-problems.js";
export {
  badgeOf,
  emptyFor,
  expiryOf,
  mayConnect,
  meaningOf,
  needsPerson,
  standingOf,
  summaryOf,
} from "./strongroom-standing.js";

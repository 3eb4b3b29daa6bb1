// Scopes, and what gateways add to requests or to a server's environment, for installing and for changing.
//
// Each gives `{node, value, controls}`: `value()` is what the API takes, `controls` are those that error codes mean.

import { rows } from "./admin-rows.js";
import { element, field, freshId } from "./strongroom-dom.js";

export function scopesField(present = []) {
  const scopes = element("textarea", {
    rows: "3",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    id: freshId("scopes"),
  });
  scopes.value = present.join("\n");
  const help =
    "With spaces or line breaks between them. Exactly these are asked for. Empty: those that the server names; none, " +
    "if endpoints are entered by hand.";
  const value = () => [...new Set(scopes.value.split(/\s+/).filter(Boolean))];
  return { node: field("Scopes", scopes, help), value, controls: { scopes } };
}

// `present`: what the installation injects, without values.
export function injectFields(present = []) {
  const of = (kind) => present.filter((one) => one.kind === kind);
  const headers = rows({
    legend: "Headers",
    what: "header",
    help: "Added to every request to the server. The token goes into Authorization, unless one of these carries it.",
    present: of("header"),
    isSecret: true,
  });
  const env = rows({
    legend: "Environment variables",
    what: "variable",
    help: "For a server that gateways start themselves.",
    present: of("env"),
    isSecret: true,
  });
  const secret = element("p", {}, "Values are stored sealed, and shown to nobody again. Only gateways get them.");
  const value = () => ({ headers: headers.values(), env: env.values() });
  const controls = {
    inject: headers.meant,
    header_refused: headers.meant,
    environment_refused: env.meant,
    template_refused: headers.meant,
  };
  return { node: element("div", {}, secret, headers.node, env.node), value, controls };
}

// What an admin reads where everybody else is sent to an admin. It names the panel that only admins have.

// What ends sentences of the modules behind strongroom-words.js, and what stands there for an admin.
const ENDS = [
  [
    "If it happens again, tell an admin of your team.",
    "If it happens again, look at the last error under Manage. A wrong client id or secret is corrected there.",
  ],
  [
    "Tell an admin. Strongroom keeps trying: you need do nothing.",
    "Look at the last error under Manage. A wrong client id or secret is corrected there. Strongroom keeps trying.",
  ],
  [": tell an admin of your team, or whoever runs the server.", ": tell whoever runs the server."],
  [
    ": tell an admin of your team, who can tell the provider.",
    ": tell the provider. If you know better, enter the provider by hand under Manage.",
  ],
  ["An admin of your team has to mend that: tell one.", "You can mend that under Manage."],
  ["if it stays so, tell an admin.", "if it stays so, look under Manage whether its URL is right."],
  ["If it stays so, tell an admin of your team.", "If it stays so, tell whoever runs Strongroom."],
  ["That is for whoever runs Strongroom to mend: tell an admin.", "Tell whoever runs Strongroom."],
  ["Ask an admin of your team.", "Enable it first, under Manage."],
];

export function forAdmins(sentence) {
  return ENDS.reduce((said, [everybodys, theirs]) => said.replace(everybodys, () => theirs), sentence);
}

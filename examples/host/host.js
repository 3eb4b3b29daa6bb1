// A page of the product with Strongroom's list in it. The element is given the token callback, and tells its end.
import { signedOut, token, welcome } from "./sign-in.js";

const connections = document.querySelector("strongroom-connections");

connections.addEventListener("strongroom-signed-out", () => {
  connections.hidden = true;
  signedOut();
});

if (await welcome()) {
  connections.token = token;
  connections.hidden = false;
}

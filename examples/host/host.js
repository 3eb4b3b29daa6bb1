// A page of the product with Strongroom's list in it. The element is given the token callback, and tells its end.
import { forgetOld } from "https://strongroom.example.com/connections/strongroom-connect.js";
import { signedOut, token, welcome } from "./sign-in.js";

const connections = document.querySelector("strongroom-connections");

connections.addEventListener("strongroom-signed-out", () => {
  connections.hidden = true;
  signedOut();
});

forgetOld(); // what this browser remembers of having begun here, and is over
if (await welcome()) {
  connections.token = token;
  connections.hidden = false;
}

// Loaded before the conformance suite, which asks for any port on all interfaces: give it the sockets that its caller
// opened on loopback instead.
"use strict";

const { Server } = require("node:net");

const sockets = process.env.STRONGROOM_CONFORMANCE_SOCKETS.split(",").map(Number);
const listen = Server.prototype.listen;

Server.prototype.listen = function (where, ...rest) {
  if (where !== 0) return listen.call(this, where, ...rest);
  const fd = sockets.shift();
  if (fd === undefined) throw new Error("the scenario starts more servers than it was given sockets");
  return listen.call(this, { fd }, ...rest);
};

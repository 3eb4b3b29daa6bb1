// Loaded before the MCP inspector: it listens nowhere, and calls nobody but this machine.
"use strict";

const { Server, Socket } = require("node:net");

const connect = Socket.prototype.connect;

Server.prototype.listen = function () {
  throw new Error("the inspector may not listen");
};

// Whoever connects has made [options, callback] of the arguments before.
Socket.prototype.connect = function (...given) {
  const [options] = Array.isArray(given[0]) ? given[0] : given;
  if (options?.host !== "127.0.0.1") throw new Error("the inspector may call this machine alone");
  return connect.apply(this, given);
};

// Stands between ecfleet and the client: a request on a line of standard input, an answer on a line of standard
// output, as docs/adapters.md of ecfleet has it.
"use strict";

const readline = require("node:readline");

const { actions, call } = require("./client.js");

const transports = ["tcp", "http"];
const hello = { name: "node-client", release: "0.1", capabilities: [...transports, "tasks"], actions };

async function run(request) {
  if (!actions.includes(request.action)) return { unimplemented: `no ${request.action}` };
  if (!transports.includes(request.transport)) return { unimplemented: `no ${request.transport}` };
  if (request.socks !== null) return { unimplemented: "no SOCKS" };
  if (request.disable_ssl) return { unimplemented: "no TLS, so none to take back" };
  try {
    return { exit_code: 0, stdout: await call(request.action, request.arguments, request) };
  } catch (error) {
    return { exit_code: 1, stderr: `${error.message}\n` };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    const answer = request.request === "hello" ? hello : await run(request);
    process.stdout.write(JSON.stringify({ id: request.id, ...answer }) + "\n");
  }
}

main();

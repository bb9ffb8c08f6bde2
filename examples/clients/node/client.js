// A small ecFlow client: ping, server_version and the task commands, over TCP and HTTP.
//
// Every function takes `settings`: host, port and environment of one call. Nothing is kept between calls.
"use strict";

const http = require("node:http");
const net = require("node:net");
const os = require("node:os");

const HEADER = 8; // characters before each message: its length, in hexadecimal
const ATTEMPTS = 2;
const PAUSE = 1000; // milliseconds before the next attempt
const LIMIT = 60 * 1000; // milliseconds without a byte

class Failure extends Error {} // the call has failed; another attempt would not help
class Unreachable extends Error {} // refused or reset: another attempt may help

// --- commands ---

function command(name, members) {
  const data = { cereal_class_version: 0, ...members };
  const wrapped = { polymorphic_id: 2147483649, polymorphic_name: name, ptr_wrapper: { id: 2147483649, data } };
  return JSON.stringify({ "21ClientToServerRequest": { cmd_: wrapped } });
}

function clientBase() {
  return { cereal_class_version: 0, cl_host_: os.hostname() };
}

function userCommand(name, members = {}) {
  const value0 = { cereal_class_version: 0, value0: clientBase(), user_: os.userInfo().username };
  return command(name, { value0, ...members });
}

function taskCommand(environment, name, members = {}, remoteId = environment.ECF_RID ?? "") {
  for (const needed of ["ECF_NAME", "ECF_PASS"]) {
    if (!environment[needed]) throw new Failure(`${needed} is not set: which task is this?`);
  }
  const value0 = {
    cereal_class_version: 0,
    value0: clientBase(),
    path_to_submittable_: environment.ECF_NAME,
    jobs_password_: environment.ECF_PASS,
    process_or_remote_id_: remoteId,
    try_no_: Number(environment.ECF_TRYNO || 1),
  };
  return command(name, { value0, ...members });
}

function wholeNumber(text) {
  if (!/^[+-]?\d+$/.test(text)) throw new Failure(`${text} is no whole number`);
  return Number(text);
}

const commands = {
  ping: () => userCommand("CtsCmd", { api_: 8 }),
  server_version: () => userCommand("ServerVersionCmd"),
  init: (environment, [remoteId, ...variables]) => {
    const added = variables.map((text) => {
      const at = text.indexOf("=");
      return { n_: text.slice(0, at), v_: text.slice(at + 1) };
    });
    return taskCommand(environment, "InitCmd", added.length ? { var_to_add_: added } : {}, remoteId);
  },
  complete: (environment, names) =>
    taskCommand(environment, "CompleteCmd", names.length ? { var_to_del_: names } : {}),
  abort: (environment, words) => taskCommand(environment, "AbortCmd", { reason_: words.join(" ") }),
  event: (environment, [name, value]) =>
    taskCommand(environment, "EventCmd", { name_: name, ...(value === "clear" ? { value_: false } : {}) }),
  meter: (environment, [name, value]) =>
    taskCommand(environment, "MeterCmd", { name_: name, value_: wholeNumber(value) }),
  label: (environment, [name, ...words]) =>
    taskCommand(environment, "LabelCmd", { name_: name, label_: words.join(" ") }),
  wait: (environment, words) => taskCommand(environment, "CtsWaitCmd", { expression_: words.join(" ") }),
  queue: (environment, [name, action, step = "", path = ""]) =>
    taskCommand(environment, "QueueCmd", {
      name_: name,
      action_: action,
      step_: step,
      path_to_node_with_queue_: path,
    }),
};

// --- transports: each takes the JSON of a command and gives the JSON of the reply ---

function frame(json) {
  const payload = Buffer.from(json, "utf8");
  return Buffer.concat([Buffer.from(payload.length.toString(16).padStart(HEADER)), payload]);
}

function overTcp(host, port, json) {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const socket = net.connect({ host, port }, () => socket.write(frame(json)));
    const end = (act, value) => {
      socket.destroy();
      act(value);
    };
    socket.setTimeout(LIMIT, () => end(reject, new Unreachable(`no answer from ${host}:${port}`)));
    socket.on("error", (error) => end(reject, new Unreachable(error.message)));
    socket.on("end", () => end(reject, new Failure("EOF: the server closed before its reply was whole")));
    socket.on("data", (bytes) => {
      received = Buffer.concat([received, bytes]);
      if (received.length < HEADER) return;
      const header = received.toString("latin1", 0, HEADER).trim();
      const length = parseInt(header, 16);
      if (!/^(0x)?[0-9a-f]+/i.test(header)) end(reject, new Failure(`invalid header ${JSON.stringify(header)}`));
      else if (received.length >= HEADER + length) {
        end(resolve, received.toString("utf8", HEADER, HEADER + length));
      }
    });
  });
}

function overHttp(host, port, json) {
  const body = Buffer.from(json, "utf8");
  const headers = { "Content-Type": "application/json", "Content-Length": body.length, Connection: "close" };
  return new Promise((resolve, reject) => {
    const fail = (error) => reject(new Failure(`no answer from http://${host}:${port}: ${error.message}`));
    // No agent: Node's would keep the connection for the next call, although the server closes it.
    const where = { host, port, method: "POST", path: "/v1/ecflow", headers, agent: false };
    const request = http.request(where, (response) => {
      const parts = [];
      response.on("error", fail);
      response.on("data", (bytes) => parts.push(bytes));
      response.on("end", () => {
        if (response.statusCode === 200) resolve(Buffer.concat(parts).toString("utf8"));
        else reject(new Failure(`HTTP status ${response.statusCode}`));
      });
    });
    request.setTimeout(LIMIT, () => request.destroy(new Error("timed out")));
    request.on("error", fail);
    request.end(body);
  });
}

// --- replies ---

function read(json) {
  let reply;
  try {
    reply = Object.values(JSON.parse(json))[0].stc_cmd_;
    return { name: reply.polymorphic_name, ...reply.ptr_wrapper.data };
  } catch {
    throw new Failure("invalid_argument: the answer is no reply of ecFlow");
  }
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

// Ask until there is an answer that is not "come again". Returns the text to print.
async function call(action, words, { host, port, transport, environment }) {
  if (environment.NO_ECF !== undefined) return "";
  const send = transport === "http" ? overHttp : overTcp;
  host ??= environment.ECF_HOST ?? "localhost";
  port ??= Number(environment.ECF_PORT ?? 3141);
  const json = commands[action](environment, words);
  for (let attempt = 1; ; attempt++) {
    const last = attempt >= ATTEMPTS;
    try {
      const reply = read(await send(host, port, json));
      if (reply.name === "SStringCmd") return `${reply.str_}\n`;
      if (reply.name === "ErrorCmd") throw new Failure(reply.error_msg_);
      if (reply.name === "StcCmd" && reply.api_ === 0) return "";
      const blocked = reply.name === "BlockClientZombieCmd" || (reply.name === "StcCmd" && [1, 2].includes(reply.api_));
      if (!blocked) throw new Failure(`unexpected reply ${reply.name} ${reply.api_ ?? ""}`);
      if (last && environment.ECF_DENIED !== undefined) throw new Failure("the server blocks this task");
    } catch (error) {
      if (!(error instanceof Unreachable) || last) throw error;
    }
    await pause(PAUSE);
  }
}

module.exports = { actions: Object.keys(commands), call };

// What contestant.py is for Python: the same requests, one JSON object a line, and the same answers.
// With --stub, fetch is stubbed inside the process. Each line logged is written at once, as Lambda's Node runtime does.
import { openSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";

const nothing = openSync("/dev/null", "w");
let logged = null;
let requests = [];
console.log = (text) => {
  if (logged !== null) logged.push(JSON.parse(text));
  writeSync(nothing, `${text}\n`);
};
if (process.argv[3] === "--stub") {
  globalThis.fetch = async (_url, { headers, body }) => {
    requests.push([headers["x-amz-target"].split(".").pop(), body]);
    return { ok: true, status: 200 };
  };
}

const { handler } = await import(process.argv[2]);

async function effects(event) {
  requests = [];
  logged = [];
  const answer = await handler(event);
  const seen = { answer, requests: requests.map(([name, body]) => [name, JSON.parse(body)]), log: logged };
  logged = null;
  return seen;
}

async function secondsPerCall(events, calls) {
  const start = process.cpuUsage();
  for (let call = 0; call < calls; call += 1) await handler(events[call % events.length]);
  const { user, system } = process.cpuUsage(start);
  requests = [];
  return (user + system) / 1e6 / calls;
}

let events = [];
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  let answer = [];
  if ("events" in asked) {
    events = asked.events;
    for (const event of events) answer.push(await effects(event));
  } else {
    answer = await secondsPerCall(events, asked.calls);
  }
  writeSync(1, `${JSON.stringify(answer)}\n`);
}

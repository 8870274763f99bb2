// What first_answer.py is for Python: import a handler in this fresh process and have its first answer.
// Run: node first_answer.mjs MODULE EXPECTED < event.json.
import { readFileSync } from "node:fs";

const [module, expected] = process.argv.slice(2);
const event = JSON.parse(readFileSync(0, "utf8"));
const { handler } = await import(module);
const answer = await handler(event);
if (Object.entries(JSON.parse(expected)).some(([name, value]) => JSON.stringify(answer[name]) !== JSON.stringify(value))) {
  console.error(`${module} answered ${JSON.stringify(answer)}`);
  process.exit(1);
}
process.exit(0);

/**
 * The registration that has no definite response yet, with its Idempotency-Key, in this tab.
 *
 * The same body keeps its key over retries and reloads, so that it registers once whatever happens.
 * A changed body is another registration and gets another key. A definite response clears it.
 */

import { TabValue } from "./tab-value.js";

const unanswered = new TabValue(
  "userstream.unanswered-registration",
  (kept) => typeof kept?.key === "string" && typeof kept.registration === "object",
);

/**
 * @param {import("./registration-request.js").Registration} registration
 * @returns {string} the key to send with it
 */
export function keyFor(registration) {
  const kept = unanswered.read();
  const key = kept !== null && same(kept.registration, registration) ? kept.key : crypto.randomUUID();
  unanswered.write({ key, registration });
  return key;
}

/** @returns {import("./registration-request.js").Registration | null} */
export function unansweredRegistration() {
  return unanswered.read()?.registration ?? null;
}

export function forgetUnansweredRegistration() {
  unanswered.forget();
}

function same(one, other) {
  const names = new Set([...Object.keys(one ?? {}), ...Object.keys(other)]);
  return one !== null && [...names].every((name) => one[name] === other[name]);
}

/**
 * The registration that has no definite response yet, with its Idempotency-Key, in this tab.
 *
 * The same body keeps its key over retries and reloads, so that it registers once whatever happens.
 * A changed body is another registration and gets another key. A definite response clears it.
 */

const STORAGE_KEY = "userstream.unanswered-registration";

/**
 * @param {import("./registration-request.js").Registration} registration
 * @returns {string} the key to send with it
 */
export function keyFor(registration) {
  const kept = read();
  const key = kept !== null && same(kept.registration, registration) ? kept.key : crypto.randomUUID();
  write({ key, registration });
  return key;
}

/** @returns {import("./registration-request.js").Registration | null} */
export function unansweredRegistration() {
  return read()?.registration ?? null;
}

export function forgetUnansweredRegistration() {
  memory = null;
  try {
    sessionStorage.removeItem(STORAGE_KEY);
  } catch {
    // If the browser refuses storage, there is nothing to remove.
  }
}

/** Used if the browser refuses sessionStorage: retries keep the key then, reloads don't. */
let memory = null;

function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "null");
    return typeof kept?.key === "string" && typeof kept.registration === "object" ? kept : memory;
  } catch {
    return memory;
  }
}

function write(kept) {
  memory = kept;
  try {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify(kept));
  } catch {
    // `memory` keeps it until the page is left.
  }
}

function same(one, other) {
  const names = new Set([...Object.keys(one ?? {}), ...Object.keys(other)]);
  return one !== null && [...names].every((name) => one[name] === other[name]);
}

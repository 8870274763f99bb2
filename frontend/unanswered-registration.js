/**
 * The registration that was sent and has no definite answer yet, with its Idempotency-Key, kept for this tab.
 *
 * The same body keeps its key over retries and reloads, so that whatever happens on the way, it registers once. A
 * changed body is another registration and gets another key. Once the service said yes or no, nothing is kept.
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
    // Where storage is refused, there is nothing to remove.
  }
}

/** Stands in for sessionStorage where the browser refuses it (a policy, say): retries work then, reloads don't. */
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
    // The memory above serves this page's life.
  }
}

function same(one, other) {
  return one !== null && ["name", "email", "username"].every((field) => one[field] === other[field]);
}

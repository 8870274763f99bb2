/** One registration over the wire: POST /register, and what its answer means for the person who waits for it. */

/** The function may take 29 s at most, and API Gateway gives up at 30: after that, no answer comes any more. */
const TIMEOUT_MILLISECONDS = 32_000;

/** How long to wait when a busy service doesn't say, and the most to wait whatever it says. */
const DEFAULT_WAIT_SECONDS = 5;
const LONGEST_WAIT_SECONDS = 60;

/**
 * @typedef {{name: string, email: string, username: string}} Registration
 * @typedef {{field: string, code: string, message: string}} FieldError
 * @typedef {{type?: string, title?: string, detail?: string, errors?: FieldError[], requestId?: string}} Problem
 * @typedef {{kind: "registered", userId: string}
 *   | {kind: "refused", problem: Problem}
 *   | {kind: "busy", waitSeconds: number, problem: Problem}
 *   | {kind: "failed", problem: Problem}
 *   | {kind: "unreachable"}} Outcome
 *   refused: a definite no. busy, failed and unreachable: nobody knows whether the user was stored; sending the same
 *   body with the same key again is safe.
 */

/**
 * @param {string} apiUrl without a trailing slash
 * @param {Registration} registration
 * @param {string} idempotencyKey
 * @returns {Promise<Outcome>} never rejects
 */
export async function sendRegistration(apiUrl, registration, idempotencyKey) {
  let response;
  try {
    response = await fetch(`${apiUrl}/register`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": idempotencyKey },
      body: JSON.stringify(registration),
      credentials: "omit",
      signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
    });
  } catch {
    return { kind: "unreachable" };
  }
  const answer = await readJson(response);
  if (response.status === 201 && typeof answer.userId === "string") {
    return { kind: "registered", userId: answer.userId };
  }
  // API Gateway throttles with 429 before the function is reached; the function's own tables with 503.
  if (response.status === 503 || response.status === 429) {
    return { kind: "busy", waitSeconds: waitSeconds(response.headers.get("Retry-After")), problem: answer };
  }
  const refused = response.status >= 400 && response.status < 500;
  return { kind: refused ? "refused" : "failed", problem: { ...answer, errors: fieldErrors(answer.errors) } };
}

/** The answer's JSON object, or an empty one: an answer that a proxy on the way wrote need not be JSON. */
async function readJson(response) {
  try {
    const answer = await response.json();
    return answer !== null && typeof answer === "object" ? answer : {};
  } catch {
    return {};
  }
}

/** What is a field's error of our service's; a proxy on the way may call something else its errors. */
function fieldErrors(errors) {
  const list = Array.isArray(errors) ? errors : [];
  return list.filter((error) => typeof error?.field === "string" && typeof error.message === "string");
}

/** Retry-After is a number of seconds or a date (RFC 9110, section 10.2.3). */
function waitSeconds(retryAfter) {
  if (retryAfter === null || retryAfter.trim() === "") {
    return DEFAULT_WAIT_SECONDS;
  }
  const seconds = /^\d+$/.test(retryAfter.trim()) ? Number(retryAfter) : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? DEFAULT_WAIT_SECONDS : Math.min(Math.max(Math.ceil(seconds), 1), LONGEST_WAIT_SECONDS);
}

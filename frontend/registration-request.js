/** POST /register, and the outcome of its response. */

/** The function's timeout is at most 29 s and API Gateway's 30 s, so no response comes later. */
const TIMEOUT_MILLISECONDS = 32_000;

/** The wait if a busy service sends no Retry-After, and the longest wait that is accepted. */
const DEFAULT_WAIT_SECONDS = 5;
const LONGEST_WAIT_SECONDS = 60;

/**
 * @typedef {Record<string, string>} Registration values by the name of an attribute
 * @typedef {{field: string, code: string, message: string}} FieldError
 * @typedef {{type?: string, title?: string, detail?: string, errors?: FieldError[], requestId?: string}} Problem
 * @typedef {{kind: "registered", userId: string}
 *   | {kind: "requested"}
 *   | {kind: "refused", problem: Problem}
 *   | {kind: "busy", waitSeconds: number, problem: Problem}
 *   | {kind: "failed", problem: Problem}
 *   | {kind: "unreachable"}} Outcome
 *   requested: a link is on its way to the address.
 *   refused: the user wasn't stored. busy, failed and unreachable: it isn't known whether the user
 *   was stored, and sending the same body with the same key again is safe.
 */

/**
 * @param {string} apiUrl without a trailing slash
 * @param {Registration} registration
 * @param {string} idempotencyKey
 * @returns {Promise<Outcome>} never rejects
 */
export async function sendRegistration(apiUrl, registration, idempotencyKey) {
  return send(`${apiUrl}/register`, { "Idempotency-Key": idempotencyKey }, registration);
}

/**
 * Register the person whose link was followed.
 *
 * @param {string} apiUrl without a trailing slash
 * @param {string} token what came behind `#confirm=`
 * @returns {Promise<Outcome>} never rejects
 */
export async function confirmRegistration(apiUrl, token) {
  return send(`${apiUrl}/register/confirmation`, {}, { token });
}

async function send(url, headers, body) {
  let response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
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
  if (response.status === 202) {
    return { kind: "requested" };
  }
  // 429: API Gateway throttled the request. 503: the tables throttled the function.
  if (response.status === 503 || response.status === 429) {
    return { kind: "busy", waitSeconds: waitSeconds(response.headers.get("Retry-After")), problem: answer };
  }
  const refused = response.status >= 400 && response.status < 500;
  return { kind: refused ? "refused" : "failed", problem: { ...answer, errors: fieldErrors(answer.errors) } };
}

/** Return the response's JSON object; an empty one if a proxy responded with something else. */
async function readJson(response) {
  try {
    const answer = await response.json();
    return answer !== null && typeof answer === "object" ? answer : {};
  } catch {
    return {};
  }
}

/** Return the errors of fields; a proxy's response may use `errors` for something else. */
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

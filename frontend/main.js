/** The page: reads config.json, sends the registration, and shows what to do after each outcome. */

import { loadSiteConfig } from "./site-config.js";
import { Notice } from "./notice.js";
import { RegistrationForm } from "./registration-form.js";
import { sendRegistration } from "./registration-request.js";
import { forgetUnansweredRegistration, keyFor, unansweredRegistration } from "./unanswered-registration.js";

/** Retries while the service is busy; after these the person decides when to try again. */
const AUTOMATIC_RETRIES = 3;

const element = (id) => document.getElementById(id);
element("needs-script").remove();
element("loading").hidden = false;
const notice = new Notice(element("notice"), element("submit"));

/** Both are there once config.json has been read; before, there is nothing to fill in or to send. */
let siteConfig = null;
let form = null;
let starting = null;
let onItsWay = false;
let automaticRetries = 0;
let scheduledRetry = null;

element("registration").addEventListener("submit", (event) => {
  event.preventDefault();
  automaticRetries = 0;
  register();
});
// Changed input is another registration, so stop retrying the previous one.
element("registration").addEventListener("input", () => {
  cancelScheduledRetry();
  notice.hide();
});
element("register-another").addEventListener("click", () => {
  element("registered").hidden = true;
  element("register").hidden = false;
  form.focus();
});
window.addEventListener("online", async () => {
  if (unansweredRegistration() === null || element("notice").hidden) {
    return;
  }
  if (await start()) {
    register();
  }
});

start();

/** Read config.json, build the form, and offer to send again what has no answer; once, however often it is called. */
async function start() {
  if (form !== null) {
    return true;
  }
  starting ??= buildForm().finally(() => {
    starting = null;
  });
  return starting;
}

/** @returns {Promise<boolean>} whether config.json could be read; if not, the notice says so */
async function buildForm() {
  try {
    siteConfig = await loadSiteConfig();
  } catch (error) {
    element("loading").hidden = true;
    notice.show({ title: "This page can't find its service.", detail: `${error.message}.`, action: "Try again" }, start);
    return false;
  }
  element("loading").hidden = true;
  element("environment").textContent = `${siteConfig.environment} · ${siteConfig.region}`;
  element("environment").hidden = false;
  document.title = `Register · userstream · ${siteConfig.environment}`;
  form = new RegistrationForm(element("registration"), siteConfig.attributes);
  notice.hide();
  const toSendAgain = unansweredRegistration();
  if (toSendAgain !== null) {
    form.fill(toSendAgain);
    notice.show(
      {
        title: "Your registration has no answer yet.",
        detail: "It may or may not have arrived before the page was left. Send it again: it can't register you twice.",
        tone: "calm",
        action: "Send again",
      },
      register,
    );
  }
  return true;
}

async function register() {
  // Ignore a second click while the first is being sent.
  if (onItsWay || form === null) {
    return;
  }
  cancelScheduledRetry();
  notice.hide();
  form.clearErrors();
  const registration = form.read();
  const missing = form.missing(registration);
  if (missing.length > 0) {
    showFieldErrors(missing);
    return;
  }
  onItsWay = true;
  form.setBusy(true);
  announce("Sending your registration.");
  const outcome = await sendRegistration(siteConfig.apiUrl, registration, keyFor(registration));
  onItsWay = false;
  form.setBusy(false);
  const handlers = { registered, refused, busy, failed, unreachable };
  handlers[outcome.kind](outcome, registration);
}

function registered({ userId }, registration) {
  forgetUnansweredRegistration();
  element("registration").reset();
  element("registered-facts").replaceChildren(...facts(userId, registration));
  element("register").hidden = true;
  element("registered").hidden = false;
  element("registered-title").focus();
  announce("");
  // For other parts of the page that follow this user.
  document.dispatchEvent(new CustomEvent("userstream:registered", { detail: { userId, ...registration } }));
}

/** What was registered, as terms and descriptions. */
function facts(userId, registration) {
  const values = siteConfig.attributes
    .filter(({ name }) => name in registration)
    .map(({ name, label }) => [label, Object.assign(document.createElement("bdi"), { textContent: registration[name] })]);
  const id = Object.assign(document.createElement("code"), { id: "registered-user-id", textContent: userId });
  return [...values, ["User ID", id]].flatMap(([term, value]) => {
    const description = document.createElement("dd");
    description.append(value);
    return [Object.assign(document.createElement("dt"), { textContent: term }), description];
  });
}

function refused({ problem }) {
  // A definite refusal: the next attempt is another registration, with another key.
  forgetUnansweredRegistration();
  const others = showFieldErrors(problem.errors);
  if (others.length > 0 || problem.errors.length === 0) {
    notice.show({
      title: problem.title ?? "The service refused this registration.",
      detail: others.map((error) => error.message).join(" ") || problem.detail,
      reference: problem.requestId,
    });
  }
}

function busy({ waitSeconds, problem }) {
  const retriesLeft = automaticRetries < AUTOMATIC_RETRIES;
  notice.show(
    {
      title: "The service is busy.",
      detail: retriesLeft
        ? `Your details are kept. We try again in ${waitSeconds} ${waitSeconds === 1 ? "second" : "seconds"}.`
        : "Your details are kept. Try again in a while: it can't register you twice.",
      reference: problem.requestId,
      tone: "calm",
      action: retriesLeft ? "Try now" : "Try again",
    },
    register,
  );
  if (retriesLeft) {
    automaticRetries += 1;
    scheduledRetry = setTimeout(register, waitSeconds * 1000);
  }
}

function failed({ problem }) {
  notice.show(
    {
      title: "Something went wrong on our side.",
      detail: "Your details are kept. Try again: it can't register you twice.",
      reference: problem.requestId,
      action: "Try again",
    },
    register,
  );
}

function unreachable() {
  const offline = !navigator.onLine;
  notice.show(
    {
      title: offline ? "You are offline." : "The service can't be reached.",
      detail: offline
        ? "Your details are kept on this page and sent when the connection is back."
        : "Your details are kept. Try again: it can't register you twice.",
      tone: "calm",
      action: "Try again",
    },
    register,
  );
}

/** @returns the errors of no field of the form */
function showFieldErrors(errors) {
  const others = form.showErrors(errors);
  const shown = errors.length - others.length;
  if (shown > 0) {
    announce(shown === 1 ? "One detail needs your attention." : `${shown} details need your attention.`);
  }
  return others;
}

function cancelScheduledRetry() {
  clearTimeout(scheduledRetry);
  scheduledRetry = null;
}

/** Announce a change of the page to screen readers. */
function announce(text) {
  element("announcement").textContent = text;
}

/** The page: reads config.json, sends the registration, and shows what to do after each outcome. */

import { nameDocument, nameEnvironment, showCard, shownCard } from "./cards.js";
import { Confirmation, takeLink } from "./confirmation.js";
import { loadSiteConfig } from "./site-config.js";
import { Notice, seconds, trouble } from "./notice.js";
import { RegistrationForm } from "./registration-form.js";
import { sendRegistration } from "./registration-request.js";
import { RequestedCard, askedRegistration, forgetAskedRegistration } from "./requested-card.js";
import { forgetUnansweredRegistration, keyFor, unansweredRegistration } from "./unanswered-registration.js";

/** Retries while the service is busy; after these the person decides when to try again. */
const AUTOMATIC_RETRIES = 3;

const element = (id) => document.getElementById(id);
element("needs-script").remove();
element("loading").hidden = false;
const notice = new Notice(element("notice"), element("submit"));
const requestedCard = new RequestedCard(element("requested"), apiUrl, {
  announce,
  asked: ({ address }) => document.dispatchEvent(new CustomEvent("userstream:requested", { detail: { address } })),
  change: ({ registration }) => {
    askedBefore = registration;
    showFormWith(registration);
  },
  answered: (outcome, { registration, key }) => {
    showFormWith(registration);
    handlers[outcome.kind](outcome, registration, key);
  },
});
const confirmation = new Confirmation(element("confirm"), apiUrl, {
  announce,
  registered: confirmed,
  refused: linkRefused,
  startOver: showForm,
});

/** What follows a registration, by the kind of its outcome. */
const handlers = { registered, requested, refused, busy, failed, unreachable };

/** Both are there once config.json has been read; before, there is nothing to fill in or to send. */
let siteConfig = null;
let form = null;
let starting = null;
/** The person asked for the form before it was built. */
let focusIsDue = false;
let onItsWay = false;
let automaticRetries = 0;
let scheduledRetry = null;
/** What this page asked a mail for before the person chose other details: it still holds its unique values. */
let askedBefore = null;
/** Whose card "registered" shows. */
let registeredUser = null;

element("registration").addEventListener("submit", (event) => {
  event.preventDefault();
  automaticRetries = 0;
  register();
});
// Changed input is another registration, so stop retrying the previous one.
element("registration").addEventListener("input", () => {
  cancelScheduledRetry();
  hideNotice();
});
for (const button of ["register-another", "register-again"]) {
  element(button).addEventListener("click", showForm);
}
window.addEventListener("hashchange", openLink);
document.addEventListener("userstream:changed", userChanged);
window.addEventListener("online", async () => {
  if (unansweredRegistration() === null || element("notice").hidden) {
    return;
  }
  if (await start()) {
    register();
  }
});

if (!openLink() && askedRegistration() !== null) {
  requestedCard.fill();
  showCard("requested");
}
start();

/** Show the card of the link that the page was opened by, if it was. */
function openLink() {
  const opened = takeLink();
  if (opened) {
    confirmation.open();
    showCard("confirm");
  }
  return opened;
}

function showForm() {
  showCard("register");
  focusIsDue = form === null;
  form?.focus();
}

async function showFormWith(registration) {
  showForm();
  if (form !== null || (await start())) {
    form.fill(registration);
  }
}

/** The API's base URL; null if config.json can't be read. */
async function apiUrl() {
  return (await start()) ? siteConfig.apiUrl : null;
}

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
  nameEnvironment(siteConfig.environment);
  form = new RegistrationForm(element("registration"), siteConfig.attributes);
  if (focusIsDue && shownCard() === "register") {
    form.focus();
  }
  hideNotice();
  const toSendAgain = unansweredRegistration();
  if (toSendAgain !== null) {
    form.fill(toSendAgain);
    tryAgain("Send again", {
      title: "Your registration has no answer yet.",
      detail: "It may or may not have arrived before the page was left. Send it again: it can't register you twice.",
      tone: "calm",
    });
  }
  return true;
}

async function register() {
  // Ignore a second click while the first is being sent.
  if (onItsWay || form === null) {
    return;
  }
  cancelScheduledRetry();
  hideNotice();
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
  const key = keyFor(registration);
  const outcome = await sendRegistration(siteConfig.apiUrl, registration, key);
  onItsWay = false;
  form.setBusy(false);
  handlers[outcome.kind](outcome, registration, key);
}

function requested(_outcome, registration, key) {
  forgetUnansweredRegistration();
  element("registration").reset();
  requestedCard.ask({ registration, key, address: mailedAddress(registration) });
  showNext("requested");
}

/** Where the mail goes: a stack may ask for an address under any name. "" if its config.json doesn't say. */
function mailedAddress(registration) {
  return registration[siteConfig.attributes.find(({ confirmed }) => confirmed)?.name] ?? "";
}

function registered({ userId }, registration) {
  forgetUnansweredRegistration();
  element("registration").reset();
  showRegistered("Welcome. This is what we have stored.", userId, registration);
  showNext("registered");
}

/** A link says nothing about whose it is, so there is only the id to show, and what the form holds may be another's. */
function confirmed(userId) {
  forgetAskedRegistration();
  showRegistered("Welcome. Your address is confirmed, and your account is ready.", userId, {});
  showCard("registered");
}

function showRegistered(lede, userId, registration) {
  registeredUser = userId;
  element("registered-title").textContent = "You are registered";
  element("registered-emblem").toggleAttribute("hidden", false);
  element("registered-lede").textContent = lede;
  element("registered-facts").replaceChildren(...facts(userId, registration));
  // For other parts of the page that follow this user.
  document.dispatchEvent(new CustomEvent("userstream:registered", { detail: { userId, ...registration } }));
}

/** Another part of the page has seen that the user on the card was changed or, without values, deleted. */
function userChanged({ detail: { userId, stored } }) {
  if (userId !== registeredUser) {
    return;
  }
  const deleted = stored === null;
  element("registered-emblem").toggleAttribute("hidden", deleted);
  element("registered-title").textContent = deleted ? "No longer registered" : "You are registered";
  element("registered-lede").textContent = deleted
    ? "This user was deleted. The values that were taken are free again."
    : "This is what is stored now.";
  element("registered-facts").replaceChildren(...facts(userId, stored ?? {}));
  nameDocument();
}

function linkRefused({ title, detail, hint, reference }) {
  element("link-refused-title").textContent = title;
  element("link-refused-detail").textContent = detail;
  element("link-refused-hint").textContent = hint;
  element("link-refused-reference").textContent = reference;
  showCard("link-refused");
}

/** Show what came of the form, unless the person has opened a link meanwhile. */
function showNext(card) {
  announce("");
  if (shownCard() === "register") {
    showCard(card);
  }
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

function refused({ problem }, registration) {
  // A definite refusal: the next attempt is another registration, with another key.
  forgetUnansweredRegistration();
  const others = showFieldErrors(problem.errors.map((error) => ofThisPage(error, registration)));
  if (others.length > 0 || problem.errors.length === 0) {
    notice.show({
      title: problem.title ?? "The service refused this registration.",
      detail: others.map((error) => error.message).join(" ") || problem.detail,
      reference: problem.requestId,
    });
  }
}

/** A value that is taken by what the person asked for before isn't taken by somebody else. */
function ofThisPage(error, registration) {
  const { field, code } = error;
  return code === "already-taken" && askedBefore?.[field] === registration[field]
    ? {
        ...error,
        code: "held",
        message: "Your first try, with other details, holds this until its link expires. Choose another.",
      }
    : error;
}

function busy(outcome) {
  const retriesLeft = automaticRetries < AUTOMATIC_RETRIES;
  tryAgain(retriesLeft ? "Try now" : "Try again", {
    ...trouble(outcome),
    detail: retriesLeft
      ? `Your details are kept. We try again in ${seconds(outcome.waitSeconds)}.`
      : "Your details are kept. Try again in a while: it can't register you twice.",
  });
  if (retriesLeft) {
    automaticRetries += 1;
    scheduledRetry = setTimeout(register, outcome.waitSeconds * 1000);
  }
}

function failed(outcome) {
  const detail = "Your details are kept. Try again: it can't register you twice.";
  tryAgain("Try again", { ...trouble(outcome), detail });
}

function unreachable(outcome) {
  const detail = navigator.onLine
    ? "Your details are kept. Try again: it can't register you twice."
    : "Your details are kept on this page and sent when the connection is back.";
  tryAgain("Try again", { ...trouble(outcome), detail });
}

/** Say what is wrong, and name the form's button for what it does about it: a second one would do the same. */
function tryAgain(label, words) {
  notice.show(words);
  form.nameButton(label);
}

function hideNotice() {
  notice.hide();
  form?.nameButton("Register");
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

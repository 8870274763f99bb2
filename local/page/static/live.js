/**
 * Beside the form, on the local stack only: what becomes of the user who was just registered, as it happens, and three
 * changes to try on that user. local/page/site.py answers it with the UserTrail of local/page/trail.py.
 */

import { inSentence, inWords } from "../registration-form.js";
import { siteConfigLoaded } from "../site-config.js";
import { build } from "./build.js";
import { Mailbox } from "./mailbox.js";

const FOLLOWED_KEY = "userstream.live.followed";
const STEPS = ["Stored", "Streamed", "Logged", "In Activity"];
const STORY = [
  "In the Users table, in one transaction with the keys that keep its values unique.",
  "The table's stream hands the change, with the old and the new values, to a function.",
  "The function log_user_changes writes a line about it to its log.",
  "The change is kept in the user's history. One that can't be processed waits, whole, in the dead-letter queue.",
];
const MESSAGES = { ADDED: "USER ADDED", UPDATED: "USER UPDATED", DELETED: "USER DELETED" };

const panel = build("section", { className: "card live", id: "live" });
panel.setAttribute("aria-labelledby", "live-title");
const title = build("h2", { id: "live-title", tabIndex: -1, textContent: "What happens to it" });
const INTRO = "Register a user, and follow the change through the local stack.";
const intro = build("p", { className: "lede", id: "live-intro", textContent: INTRO });
const story = buildStory();
const trail = build("ol", { className: "trail", id: "trail", hidden: true });
const spoken = build("p", { className: "visually-hidden", id: "live-announcement" });
spoken.setAttribute("role", "status");
const { tools, attributeSelect, valueInput, valueError, updateButton, buttons, answer } = buildTools();
const mailbox = new Mailbox();
panel.append(title, intro, story, mailbox.element, tools, trail, spoken);
document.querySelector("main").append(panel);

let followed = null;
let events = null;
let announced = "";
let storedUser = null;
let shownValue = "";
let attributes = [];
let underWay = false;

document.addEventListener("visibilitychange", () => {
  listen();
  mailbox.show();
});
document.addEventListener("userstream:requested", ({ detail }) => mailbox.expectMail(detail.address));
document.addEventListener("userstream:registered", ({ detail }) => {
  mailbox.fold();
  follow(detail.userId);
});
siteConfigLoaded.then((siteConfig) => {
  attributes = siteConfig.attributes;
  const option = ({ name, label }) => build("option", { value: name, textContent: label });
  attributeSelect.replaceChildren(...attributes.map(option));
  showValue();
});
mailbox.show();
const kept = withStorage((storage) => storage.getItem(FOLLOWED_KEY));
if (kept !== null) {
  follow(kept);
}

function follow(userId) {
  followed = userId;
  announced = "";
  storedUser = null;
  showValue();
  withStorage((storage) => storage.setItem(FOLLOWED_KEY, userId));
  trail.replaceChildren();
  say("");
  listen();
}

/** If the browser refuses storage, because of a policy for example, a reload only forgets whom the page followed. */
function withStorage(use) {
  try {
    return use(sessionStorage);
  } catch {
    return null;
  }
}

/** A hidden tab keeps no connection open: a browser has six connections to a site, for all its tabs. */
function listen() {
  events?.close();
  if (followed !== null && !document.hidden) {
    events = new EventSource(`/live/users/${encodeURIComponent(followed)}`);
    events.addEventListener("message", ({ data }) => show(JSON.parse(data)));
  }
}

function show(userTrail) {
  const { userId, stored, changes, erased, storedAhead } = userTrail;
  if (stored === null && erased === null && changes.length === 0) {
    // Followed before a restart of the stack, which deleted the user.
    events.close();
    followed = null;
    withStorage((storage) => storage.removeItem(FOLLOWED_KEY));
    intro.textContent = INTRO;
    story.hidden = false;
    return;
  }
  if (erased !== null) {
    const when = new Date(erased.occurredAt).toLocaleString();
    intro.textContent = `User ${userId} was erased on ${when} by ${erased.actor}.`;
  } else {
    intro.textContent =
      stored === null ? `User ${userId} is no longer stored.` : `User ${userId}, stored at version ${stored.version}.`;
  }
  const entries = changes.map((change) => changeEntry(change));
  if (storedAhead) {
    entries.push(pendingEntry());
  }
  trail.replaceChildren(...entries.reverse());
  trail.hidden = false;
  story.hidden = true;
  if (stored === null && tools.contains(document.activeElement)) {
    // Otherwise the keyboard focus would go back to the top of the page.
    title.focus();
  }
  tools.hidden = stored === null;
  if (storedUser !== null && JSON.stringify(stored) !== JSON.stringify(storedUser)) {
    document.dispatchEvent(new CustomEvent("userstream:changed", { detail: { userId, stored } }));
  }
  storedUser = stored;
  // Keep what a person has typed and not sent yet.
  if (valueInput.value === shownValue) {
    showValue();
  } else {
    shownValue = storedValue();
  }
  announce(changes.at(-1));
}

/** The followed user's value of the attribute that is selected; "" for none. */
function storedValue() {
  return storedUser?.[attributeSelect.value] ?? "";
}

/** Show that value, and what the button would change. */
function showValue() {
  shownValue = valueInput.value = storedValue();
  say("");
  const attribute = attributes.find(({ name }) => name === attributeSelect.value);
  updateButton.textContent = `Update ${inSentence(attribute?.label ?? "")}`.trim();
  valueInput.placeholder = attribute?.required === false ? "Empty takes it away" : "";
}

/** Announce only the end of a change, once: a screen reader would interrupt the person with each step. */
function announce(change) {
  if (change === undefined || announced === change.eventId || !(change.inActivity || change.deadLetterReason !== null)) {
    return;
  }
  announced = change.eventId;
  const end = change.deadLetterReason === null ? "kept in Activity" : "in the dead-letter queue";
  spoken.textContent = `${MESSAGES[change.kind]}: ${end}.`;
}

function changeEntry(change) {
  const entry = build("li", { className: "change" });
  entry.dataset.kind = change.kind;
  const head = build("p", { className: "change-head" });
  head.append(
    build("strong", { textContent: MESSAGES[change.kind] }),
    build("time", { dateTime: change.streamedAt, textContent: new Date(change.streamedAt).toLocaleTimeString() }),
  );
  entry.append(head, steps(change));
  if (change.kind !== "ADDED" && change.fields.length > 0) {
    entry.append(fieldList(change.fields));
  }
  if (change.deadLetterReason !== null) {
    const command = build("code", { textContent: "python -m ops --stack local dlq list" });
    const where = build("p", { className: "field-hint", textContent: "See it with " });
    where.append(command);
    const reason = `Sent to the dead-letter queue: ${change.deadLetterReason}.`;
    entry.append(build("p", { className: "dead-lettered", textContent: reason }), where);
  } else if (change.replayed) {
    const text = "It failed first and waited in the dead-letter queue. A replay has brought it here.";
    entry.append(build("p", { className: "field-hint", textContent: text }));
  }
  return entry;
}

function pendingEntry() {
  const entry = build("li", { className: "change" });
  const head = build("p", { className: "change-head" });
  head.append(build("strong", { textContent: "Stored" }));
  entry.append(head, steps(null));
  return entry;
}

/** The four steps of a change; the last is the dead-letter queue if the change ended there. */
function steps(change) {
  const deadLettered = change !== null && change.deadLetterReason !== null;
  const done = [
    true,
    change !== null,
    change !== null && change.logged !== null,
    change?.inActivity === true || deadLettered,
  ];
  const list = build("ol", { className: "steps" });
  STEPS.forEach((name, index) => {
    const last = index === STEPS.length - 1;
    const label = last && deadLettered ? "Dead-letter queue" : name;
    const step = build("li", { textContent: label });
    step.dataset.state = done[index] ? (last && deadLettered ? "dead-lettered" : "done") : "waiting";
    step.append(build("span", { className: "visually-hidden", textContent: done[index] ? ": done" : ": waiting" }));
    list.append(step);
  });
  return list;
}

function fieldList(fields) {
  const list = build("ul", { className: "fields" });
  for (const { field, old, new: now } of fields) {
    const item = build("li", { textContent: `${field} ` });
    if (old !== null) {
      item.append(build("del", { dir: "auto", textContent: old }), " ");
    }
    if (now !== null) {
      item.append(build("ins", { dir: "auto", textContent: now }));
    }
    list.append(item);
  }
  return list;
}

/** What the steps mean, while there is no change to show. */
function buildStory() {
  const list = build("ol", { className: "story" });
  STEPS.forEach((name, index) => {
    const step = build("li", {});
    step.append(build("strong", { textContent: name }), build("span", { textContent: STORY[index] }));
    list.append(step);
  });
  return list;
}

function buildTools() {
  const form = build("form", { className: "tools", id: "live-tools", noValidate: true, hidden: true });
  const label = build("label", { htmlFor: "live-value", textContent: "Try a change on this user" });
  const select = build("select", { id: "live-attribute" });
  select.setAttribute("aria-label", "What to change");
  select.addEventListener("change", showValue);
  const input = build("input", {
    id: "live-value",
    type: "text",
    dir: "auto",
    autocomplete: "off",
    spellcheck: false,
  });
  input.setAttribute("aria-describedby", "live-value-error");
  const error = build("p", { className: "field-error", id: "live-value-error" });
  const update = build("button", {
    className: "button quiet",
    id: "live-update",
    type: "submit",
    textContent: "Update",
  });
  const remove = build("button", {
    className: "button quiet danger",
    id: "live-delete",
    type: "button",
    textContent: "Delete",
  });
  const poison = build("button", {
    className: "button quiet danger",
    id: "live-poison",
    type: "button",
    textContent: "Poison",
  });
  const harm = build("div", { className: "tool-buttons" });
  harm.append(remove, poison);
  const hint = build("p", {
    className: "field-hint",
    id: "live-poison-hint",
    textContent: "Poison writes a version of the user that log_user_changes can't read.",
  });
  poison.setAttribute("aria-describedby", hint.id);
  const result = build("p", { className: "tool-answer", id: "live-answer" });
  result.setAttribute("role", "status");
  form.append(label, select, input, error, update, result, harm, hint);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    input.value = input.value.trim();
    const attribute = attributes.find(({ name }) => name === select.value);
    if (input.value === storedValue()) {
      say("Nothing to update: this is the value that is stored.");
      return;
    }
    act("update", { [select.value]: input.value === "" && attribute?.required === false ? null : input.value });
  });
  remove.addEventListener("click", () => act("delete", {}));
  poison.addEventListener("click", () => act("poison", {}));
  return {
    tools: form,
    attributeSelect: select,
    valueInput: input,
    valueError: error,
    updateButton: update,
    buttons: [update, remove, poison],
    answer: result,
  };
}

async function act(action, body) {
  // A second click while the first is being answered does nothing.
  if (underWay) {
    return;
  }
  underWay = true;
  buttons.forEach((button) => button.setAttribute("aria-disabled", "true"));
  say("");
  try {
    const response = await fetch(`/live/users/${encodeURIComponent(followed)}/${action}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) {
      await showRefusal(response);
    }
  } catch {
    say("The local stack does not answer. Is it still running?");
  }
  underWay = false;
  buttons.forEach((button) => button.removeAttribute("aria-disabled"));
}

/** Show what is wrong with the value at its input, and anything else below the button. */
async function showRefusal(response) {
  const problem = await response.json().catch(() => ({}));
  const attribute = attributes.find(({ name }) => name === attributeSelect.value);
  const messages = (problem.errors ?? []).map((error) => inWords(error, attribute)).join(" ");
  if (messages === "") {
    say(problem.detail || problem.title || `Answered with ${response.status}.`);
    return;
  }
  valueError.textContent = messages;
  valueInput.setAttribute("aria-invalid", "true");
  valueInput.focus();
}

/** Say something about the last action, in place of what was said before. */
function say(text) {
  answer.textContent = text;
  valueError.textContent = "";
  valueInput.removeAttribute("aria-invalid");
}

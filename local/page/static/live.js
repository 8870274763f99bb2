/**
 * Beside the form, on the local stack only: what becomes of the user who was just registered, as it happens, and three
 * changes to try on that user. local/page/site.py answers it with the UserTrail of local/page/trail.py.
 */

import { inSentence } from "../registration-form.js";
import { siteConfigLoaded } from "../site-config.js";
import { build } from "./build.js";
import { Mailbox } from "./mailbox.js";

const FOLLOWED_KEY = "userstream.live.followed";
const STEPS = ["Stored", "Streamed", "Logged", "In Activity"];
const MESSAGES = { ADDED: "USER ADDED", UPDATED: "USER UPDATED", DELETED: "USER DELETED" };

const panel = build("section", { className: "card live", id: "live" });
panel.setAttribute("aria-labelledby", "live-title");
const title = build("h2", { id: "live-title", tabIndex: -1, textContent: "What happens to it" });
const intro = build("p", {
  className: "lede",
  id: "live-intro",
  textContent:
    "Register a user, and follow the change through the local stack: stored, streamed, logged, kept in Activity.",
});
const trail = build("ol", { className: "trail", id: "trail", hidden: true });
const spoken = build("p", { className: "visually-hidden", id: "live-announcement" });
spoken.setAttribute("role", "status");
const { tools, attributeSelect, valueInput, updateButton, buttons, answer } = buildTools();
const mailbox = new Mailbox();
panel.append(title, intro, mailbox.element, tools, trail, spoken);
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
  answer.textContent = "";
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
  if (stored === null && tools.contains(document.activeElement)) {
    // Otherwise the keyboard focus would go back to the top of the page.
    title.focus();
  }
  tools.hidden = stored === null;
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
  input.setAttribute("aria-describedby", "live-poison-hint");
  const update = build("button", {
    className: "button quiet",
    id: "live-update",
    type: "submit",
    textContent: "Update",
  });
  const remove = build("button", {
    className: "button quiet",
    id: "live-delete",
    type: "button",
    textContent: "Delete",
  });
  const poison = build("button", {
    className: "button quiet",
    id: "live-poison",
    type: "button",
    textContent: "Poison",
  });
  const row = build("div", { className: "tool-buttons" });
  row.append(update, remove, poison);
  const hint = build("p", {
    className: "field-hint",
    id: "live-poison-hint",
    textContent: "Poison writes a version of the user that the stream's function can't read.",
  });
  const result = build("p", { className: "tool-answer", id: "live-answer" });
  result.setAttribute("role", "status");
  form.append(label, select, input, row, hint, result);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    input.value = input.value.trim();
    const attribute = attributes.find(({ name }) => name === select.value);
    act("update", { [select.value]: input.value === "" && attribute?.required === false ? null : input.value });
  });
  remove.addEventListener("click", () => act("delete", {}));
  poison.addEventListener("click", () => act("poison", {}));
  return {
    tools: form,
    attributeSelect: select,
    valueInput: input,
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
  answer.textContent = "";
  try {
    const response = await fetch(`/live/users/${encodeURIComponent(followed)}/${action}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    answer.textContent = response.ok ? "" : await refusal(response);
  } catch {
    answer.textContent = "The local stack does not answer. Is it still running?";
  }
  underWay = false;
  buttons.forEach((button) => button.removeAttribute("aria-disabled"));
}

async function refusal(response) {
  const problem = await response.json().catch(() => ({}));
  const messages = (problem.errors ?? []).map((error) => error.message).join(" ");
  return messages || problem.detail || problem.title || `Answered with ${response.status}.`;
}

/**
 * In the live view of a stack with neutral answers: the mails that it has sent to whom this tab asked for, which are
 * kept on this machine. local/page/site.py answers with those of local/mailbox.py, the newest first.
 */

import { askedRegistration } from "../requested-card.js";
import { build } from "./build.js";

/** How often, and how long apart, the mailbox is looked at for a mail that was just asked for. */
const LOOKS = 60;
const PAUSE_MILLISECONDS = 500;

const LINK = /^\S+#confirm=\S+$/m;
const NO_MAIL = "No mail came. See why with ";
const WHY = "python -m local logs --function send-registration-mail";

export class Mailbox {
  /** `element` is to be put into the page; it hides itself while there is no mail. */
  constructor() {
    this.element = build("section", { className: "mailbox", id: "live-mailbox", hidden: true });
    this.element.setAttribute("aria-labelledby", "live-mailbox-title");
    this.folder = build("code", {});
    const title = build("h3", { id: "live-mailbox-title", textContent: "Mails" });
    const where = build("p", { className: "field-hint", textContent: "None leaves this machine. They are files in " });
    where.append(this.folder);
    this.news = build("p", { className: "mailbox-news" });
    this.news.setAttribute("role", "status");
    this.list = build("ol", { className: "mails" });
    this.element.append(title, where, this.news, this.list);
    /** Whose mails; "" if the tab asked for none. */
    this.address = askedRegistration()?.address ?? "";
    /** The entry of each mail that is shown, by the mail's id. */
    this.entries = new Map();
    /** The ids of all that were ever shown: another address's entries go, and may come again. */
    this.seen = new Set();
    /** Of the entries, those that arrived since this moment and that nobody was told about, the newest last. */
    this.fresh = [];
    this.freshSince = performance.timeOrigin;
    this.shown = Promise.resolve();
    this.expected = 0;
    this.looksLeft = 0;
    this.looking = false;
  }

  /**
   * Look for one more mail until it is there, for half a minute.
   * @param {string} address of the person to whom it goes
   */
  async expectMail(address) {
    if (address !== this.address) {
      this.address = address;
      this.expected = 0;
      this.fresh = [];
    }
    this.expected += 1;
    this.looksLeft = LOOKS;
    this.element.hidden = false;
    this.news.textContent = "Waiting for the mail…";
    if (this.looking) {
      return;
    }
    this.looking = true;
    while (this.expected > 0 && this.looksLeft > 0) {
      this.looksLeft -= 1;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
      await this.show();
      if (this.expected > 0 && this.fresh.length > 0) {
        this.fresh.at(-1).querySelector("details").open = true;
        this.news.textContent = "A mail has arrived.";
        this.expected -= Math.min(this.expected, this.fresh.length);
        this.fresh = [];
      }
    }
    this.looking = false;
    if (this.expected > 0) {
      this.expected = 0;
      this.news.textContent = NO_MAIL;
      this.news.append(build("code", { textContent: WHY }));
    }
  }

  /** Once its link is followed, a mail is history, also if it is read only now. */
  fold() {
    this.expected = 0;
    this.fresh = [];
    this.freshSince = Date.now();
    this.news.textContent = "";
    for (const entry of this.entries.values()) {
      entry.querySelector("details").open = false;
    }
  }

  /** Show the mails that are there now. Entries that are shown already stay as they are, with state and focus. */
  show() {
    // One after the other: an answer that came late would hide what a later one has shown.
    this.shown = this.shown.then(() => this.#show());
    return this.shown;
  }

  async #show() {
    const address = this.address;
    const found = address ? await read(address) : null;
    if (found === null || address !== this.address) {
      return;
    }
    this.folder.textContent = found.folder;
    for (const mail of found.mails.toReversed()) {
      if (!this.entries.has(mail.id)) {
        const entry = entryOf(mail);
        this.entries.set(mail.id, entry);
        this.list.prepend(entry);
        if (!this.seen.has(mail.id) && Date.parse(mail.receivedAt) > this.freshSince) {
          this.fresh.push(entry);
        }
        this.seen.add(mail.id);
      }
    }
    const there = new Set(found.mails.map(({ id }) => id));
    for (const [id, entry] of this.entries) {
      if (!there.has(id)) {
        entry.remove();
        this.entries.delete(id);
      }
    }
    this.element.hidden = this.element.hidden && this.entries.size === 0;
  }
}

/** @returns the folder's name and the mails in it to an address; null if the stack doesn't answer */
async function read(address) {
  try {
    const response = await fetch(`/live/mailbox?to=${encodeURIComponent(address)}`);
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

function entryOf({ receivedAt, to, subject, text }) {
  const entry = build("li", { className: "change" });
  const mail = build("details", {});
  const summary = build("summary", {});
  const head = build("span", { className: "change-head" });
  head.append(
    build("strong", { textContent: subject }),
    build("time", { dateTime: receivedAt, textContent: new Date(receivedAt).toLocaleTimeString() }),
  );
  summary.append(head, build("bdi", { className: "field-hint", textContent: to }));
  mail.append(summary, body(text.trim()));
  entry.append(mail);
  return entry;
}

/** The text, with its link to this page to be clicked; nothing else in a mail becomes one. */
function body(text) {
  const paragraph = build("p", { className: "mail-text", textContent: text });
  const href = LINK.exec(text)?.[0];
  if (href?.startsWith(`${location.origin}/`)) {
    const [before, after] = text.split(href);
    paragraph.replaceChildren(before, build("a", { href, textContent: "Open the link" }), after);
  }
  return paragraph;
}

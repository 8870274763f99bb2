/**
 * In the live view of a stack with neutral answers: the mails that it has sent, which are kept on this machine.
 * local/page/site.py answers with those of local/mailbox.py, the newest first.
 */

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
    /** The entry of each mail that is shown, by the mail's id. */
    this.entries = new Map();
    /** Of those, the ones that arrived since the page was opened and that nobody was told about, the newest last. */
    this.fresh = [];
    this.shown = Promise.resolve();
    this.expected = 0;
    this.looksLeft = 0;
  }

  /** Look for one more mail until it is there, for half a minute. */
  async expectMail() {
    const looks = this.expected > 0;
    this.expected += 1;
    this.looksLeft = LOOKS;
    this.element.hidden = false;
    this.news.textContent = "Waiting for the mail…";
    if (looks) {
      return;
    }
    while (this.expected > 0 && this.looksLeft > 0) {
      this.looksLeft -= 1;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
      await this.show();
      if (this.fresh.length > 0) {
        this.fresh.at(-1).querySelector("details").open = true;
        this.news.textContent = "A mail has arrived.";
        this.expected -= Math.min(this.expected, this.fresh.length);
        this.fresh = [];
      }
    }
    if (this.expected > 0) {
      this.expected = 0;
      this.news.textContent = NO_MAIL;
      this.news.append(build("code", { textContent: WHY }));
    }
  }

  /** Once its link is followed, a mail is history. */
  fold() {
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
    const found = await read();
    if (found === null) {
      return;
    }
    this.folder.textContent = found.folder;
    for (const mail of found.mails.toReversed()) {
      if (!this.entries.has(mail.id)) {
        const entry = entryOf(mail);
        this.entries.set(mail.id, entry);
        this.list.prepend(entry);
        if (Date.parse(mail.receivedAt) > performance.timeOrigin) {
          this.fresh.push(entry);
        }
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

/** @returns the folder's name and its mails; null if the stack doesn't answer */
async function read() {
  try {
    const response = await fetch("/live/mailbox");
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

/** With neutral answers: the page as a mailed link opens it, until the person is registered or the link refused. */

import { Notice, seconds, trouble } from "./notice.js";
import { confirmRegistration } from "./registration-request.js";
import { TabValue } from "./tab-value.js";

const FRAGMENT = "#confirm=";
const LINK_INVALID = "urn:userstream:problem:confirmation-link-invalid";
const ALREADY_TAKEN = "urn:userstream:problem:already-taken";

/** The link that has no definite response yet. tried: it was sent, so it may be used up without our knowing. */
const openedLink = new TabValue(
  "userstream.opened-link",
  (kept) => typeof kept?.token === "string" && typeof kept.tried === "boolean",
);

/**
 * Take the token of a link out of the address bar, where it would stay in the history, and keep it for a reload.
 *
 * @returns {boolean} whether there is a link to confirm
 */
export function takeLink() {
  if (location.hash.startsWith(FRAGMENT)) {
    const token = location.hash.slice(FRAGMENT.length);
    if (openedLink.read()?.token !== token) {
      openedLink.write({ token, tried: false });
    }
    history.replaceState(null, "", location.pathname + location.search);
  }
  return openedLink.read() !== null;
}

/** The card of a link: one button, because a mail scanner that opens the page must not use the link up. */
export class Confirmation {
  /**
   * @param {HTMLElement} card holds #confirm-button, #confirm-notice and #confirm-another
   * @param {() => Promise<string | null>} apiUrl returns the API's base URL, or null if it can't be found
   * @param {{announce: (text: string) => void, registered: (userId: string) => void,
   *   refused: (reason: Refusal) => void, startOver: () => void}} next
   */
  constructor(card, apiUrl, next) {
    this.card = card;
    this.apiUrl = apiUrl;
    this.next = next;
    this.button = card.querySelector("#confirm-button");
    this.notice = new Notice(card.querySelector("#confirm-notice"), this.button);
    this.onItsWay = false;
    this.button.addEventListener("click", () => this.#confirm());
    card.querySelector("#confirm-another").addEventListener("click", () => {
      openedLink.forget();
      next.startOver();
    });
  }

  /** Begin with a link: what the last one came to doesn't hold for it. */
  open() {
    this.notice.hide();
  }

  async #confirm() {
    // Ignore a second click while the first is being sent.
    if (this.onItsWay) {
      return;
    }
    this.#setBusy(true);
    this.notice.hide();
    this.next.announce("Confirming your registration.");
    const { token, tried } = openedLink.read();
    const url = await this.apiUrl();
    let outcome = { kind: "unreachable" };
    if (url !== null) {
      openedLink.write({ token, tried: true });
      outcome = await confirmRegistration(url, token);
    }
    this.#setBusy(false);
    this.next.announce("");
    if (outcome.kind === "registered") {
      openedLink.forget();
      this.next.registered(outcome.userId);
    } else if (outcome.kind === "refused") {
      openedLink.forget();
      this.next.refused(refusal(outcome.problem, tried));
    } else {
      const wait = outcome.kind === "busy" ? `in ${seconds(outcome.waitSeconds)}` : "in a while";
      const when = navigator.onLine ? wait : "when the connection is back";
      this.notice.show({ ...trouble(outcome), detail: `Try again ${when}: it can't register you twice.` });
    }
  }

  #setBusy(busy) {
    this.onItsWay = busy;
    this.card.setAttribute("aria-busy", String(busy));
    this.button.setAttribute("aria-disabled", String(busy));
    this.button.textContent = busy ? "Confirming…" : "Confirm";
  }
}

/**
 * @typedef {{title: string, detail: string, hint: string, reference: string}} Refusal
 *   hint: what may be true as well, because nothing tells the page whom a link belongs to.
 *
 * @param {import("./registration-request.js").Problem} problem
 * @param {boolean} tried whether the link was sent before, without an answer
 * @returns {Refusal}
 */
function refusal({ type, title, detail, errors, requestId }, tried) {
  const words = {
    title: title ?? "The service refused this link",
    detail: errors.map((error) => error.message).join(" ") || detail || "",
    hint: "",
    reference: "",
  };
  if (type === LINK_INVALID) {
    const hint = tried
      ? "Your first try had no answer, but it may have arrived: then you are registered."
      : "If you have confirmed with it before, you are registered.";
    return { ...words, hint };
  }
  return type === ALREADY_TAKEN
    ? { ...words, hint: "If you have followed another link of ours before, you are registered." }
    : { ...words, reference: requestId ? `Reference: ${requestId}` : "" };
}

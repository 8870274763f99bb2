/** With neutral answers: what a person does between the form and the mailed link. */

import { Notice, seconds, trouble } from "./notice.js";
import { sendRegistration } from "./registration-request.js";
import { TabValue } from "./tab-value.js";

/** @typedef {{registration: import("./registration-request.js").Registration, key: string, address: string}} Asked */

const asked = new TabValue(
  "userstream.asked-registration",
  (kept) => typeof kept?.key === "string" && typeof kept.address === "string" && typeof kept.registration === "object",
);

/** @returns {Asked | null} what this tab last asked a mail for, and hasn't seen the end of */
export function askedRegistration() {
  return asked.read();
}

export function forgetAskedRegistration() {
  asked.forget();
}

export class RequestedCard {
  /**
   * @param {HTMLElement} card holds #requested-address, #requested-notice, #send-again and #request-another
   * @param {() => Promise<string | null>} apiUrl returns the API's base URL, or null if it can't be found
   * @param {{announce: (text: string) => void, asked: (asked: Asked) => void, change: (asked: Asked) => void,
   *   answered: (outcome: import("./registration-request.js").Outcome, asked: Asked) => void}} next
   *   asked: a mail was asked for; change: the person wants other details; answered: the registration is refused
   *   now or, as the stack's settings have changed, carried out.
   */
  constructor(card, apiUrl, next) {
    this.card = card;
    this.apiUrl = apiUrl;
    this.next = next;
    this.address = card.querySelector("#requested-address");
    this.againButton = card.querySelector("#send-again");
    this.notice = new Notice(card.querySelector("#requested-notice"), this.againButton);
    this.onItsWay = false;
    this.againButton.addEventListener("click", () => this.#sendAgain());
    card.querySelector("#request-another").addEventListener("click", () => {
      const before = asked.read();
      asked.forget();
      next.change(before);
    });
  }

  /** @param {Asked} request */
  ask(request) {
    asked.write(request);
    this.fill();
    this.next.asked(request);
  }

  /** Fill the card with what was asked for. */
  fill() {
    this.notice.hide();
    this.address.textContent = asked.read().address || "the address that you gave";
  }

  /** Send the same request with the same key: it registers nothing more, and asks for the mail again. */
  async #sendAgain() {
    if (this.onItsWay) {
      return;
    }
    this.#setBusy(true);
    this.notice.hide();
    this.next.announce("Asking for the mail again.");
    const request = asked.read();
    const url = await this.apiUrl();
    const outcome =
      url === null ? { kind: "unreachable" } : await sendRegistration(url, request.registration, request.key);
    this.#setBusy(false);
    this.next.announce("");
    if (outcome.kind === "refused" || outcome.kind === "registered") {
      asked.forget();
      this.next.answered(outcome, request);
    } else if (outcome.kind === "requested") {
      this.notice.show({ title: "Asked again.", detail: "A mail can take a few minutes.", tone: "calm" });
      this.next.asked(request);
    } else {
      const detail = outcome.kind === "busy" ? `Try again in ${seconds(outcome.waitSeconds)}.` : "Try again in a while.";
      this.notice.show({ ...trouble(outcome), detail });
    }
  }

  #setBusy(busy) {
    this.onItsWay = busy;
    this.card.setAttribute("aria-busy", String(busy));
    this.againButton.setAttribute("aria-disabled", String(busy));
    this.againButton.textContent = busy ? "Sending…" : "Send it again";
  }
}

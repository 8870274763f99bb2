/** The notice: what went wrong, and one button with what to do about it. */

export class Notice {
  /**
   * @param {HTMLElement} element an empty element, which gets the notice's parts
   * @param {HTMLElement} heir gets the button's focus when the notice is hidden
   */
  constructor(element, heir) {
    this.element = element;
    this.heir = heir;
    this.title = part("p", "notice-title");
    this.detail = part("p", "notice-detail");
    this.reference = part("p", "notice-reference");
    this.action = Object.assign(part("button", "button quiet"), { type: "button" });
    this.action.addEventListener("click", () => this.onAction?.());
    const text = part("div", "notice-text");
    text.append(this.title, this.detail, this.reference);
    element.replaceChildren(text, this.action);
  }

  /**
   * @param {{title: string, detail?: string, reference?: string, tone?: "calm" | "problem", action?: string}} notice
   *   reference: the request's id in the logs; action: the button's label.
   * @param {() => void} [onAction]
   */
  show({ title, detail = "", reference = "", tone = "problem", action = "" }, onAction) {
    this.onAction = onAction;
    this.element.dataset.tone = tone;
    this.element.hidden = false;
    this.title.textContent = title;
    this.detail.textContent = detail;
    this.reference.textContent = reference === "" ? "" : `Reference: ${reference}`;
    this.action.textContent = action;
    this.action.hidden = action === "";
  }

  hide() {
    this.onAction = undefined;
    if (this.element.contains(document.activeElement)) {
      this.heir.focus();
    }
    this.element.hidden = true;
    for (const each of [this.title, this.detail, this.reference, this.action]) {
      each.textContent = "";
    }
  }
}

/**
 * Say what is wrong after an outcome that leaves open whether the request was carried out.
 *
 * @param {import("./registration-request.js").Outcome} outcome busy, failed or unreachable
 * @returns {{title: string, reference?: string, tone: "calm" | "problem"}} a notice that lacks what to do
 */
export function trouble({ kind, problem }) {
  if (kind === "unreachable") {
    return { title: navigator.onLine ? "The service can't be reached." : "You are offline.", tone: "calm" };
  }
  return kind === "busy"
    ? { title: "The service is busy.", reference: problem?.requestId, tone: "calm" }
    : { title: "Something went wrong on our side.", reference: problem?.requestId, tone: "problem" };
}

/** @param {number} count */
export function seconds(count) {
  return `${count} ${count === 1 ? "second" : "seconds"}`;
}

function part(tag, className) {
  return Object.assign(document.createElement(tag), { className });
}

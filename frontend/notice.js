/** The notice: what went wrong, and one button with what to do about it. */

export class Notice {
  /**
   * @param {HTMLElement} element holds #notice-title, #notice-detail, #notice-reference and #notice-action
   * @param {HTMLElement} heir gets the button's focus when the notice is hidden
   */
  constructor(element, heir) {
    this.element = element;
    this.heir = heir;
    this.title = element.querySelector("#notice-title");
    this.detail = element.querySelector("#notice-detail");
    this.reference = element.querySelector("#notice-reference");
    this.action = element.querySelector("#notice-action");
    this.action.addEventListener("click", () => this.onAction?.());
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
    for (const part of [this.title, this.detail, this.reference, this.action]) {
      part.textContent = "";
    }
  }
}

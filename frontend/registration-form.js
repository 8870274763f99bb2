/** The form: its fields, their errors, and whether it is being sent. */

const FIELDS = ["name", "email", "username"];
const LABELS = { name: "a name", email: "an email address", username: "a username" };

export class RegistrationForm {
  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.form = form;
    this.submitButton = form.querySelector("#submit");
    this.submitLabel = form.querySelector("#submit-label");
    for (const field of FIELDS) {
      this.#input(field).addEventListener("input", () => this.#clearError(field));
    }
  }

  /**
   * Return what the person typed. The service refuses spaces around a value, so they are removed in
   * the form, where the person sees it.
   *
   * @returns {import("./registration-request.js").Registration}
   */
  read() {
    for (const field of FIELDS) {
      this.#input(field).value = this.#input(field).value.trim();
    }
    return Object.fromEntries(FIELDS.map((field) => [field, this.#input(field).value]));
  }

  /** @param {import("./registration-request.js").Registration} registration */
  fill(registration) {
    for (const field of FIELDS) {
      this.#input(field).value = registration[field] ?? "";
    }
  }

  /**
   * Return an error for each empty field. The service checks all other rules.
   *
   * @param {import("./registration-request.js").Registration} registration
   * @returns {import("./registration-request.js").FieldError[]}
   */
  missing(registration) {
    return FIELDS.filter((field) => registration[field] === "").map((field) => ({
      field,
      code: "missing",
      message: `Enter ${LABELS[field]}.`,
    }));
  }

  /**
   * Show each error at its field and focus the first of them.
   *
   * @param {import("./registration-request.js").FieldError[]} errors
   * @returns {import("./registration-request.js").FieldError[]} the errors of no field of the form
   */
  showErrors(errors) {
    const shown = FIELDS.filter((field) => errors.some((error) => error.field === field));
    for (const field of shown) {
      this.#input(field).setAttribute("aria-invalid", "true");
      this.#error(field).textContent = errors
        .filter((error) => error.field === field)
        .map((error) => error.message)
        .join(" ");
    }
    if (shown.length > 0) {
      this.#input(shown[0]).focus();
    }
    return errors.filter((error) => !FIELDS.includes(error.field));
  }

  clearErrors() {
    FIELDS.forEach((field) => this.#clearError(field));
  }

  /** While a registration is being sent the fields are read-only; the button keeps its focus. */
  setBusy(busy) {
    this.form.setAttribute("aria-busy", String(busy));
    this.submitButton.setAttribute("aria-disabled", String(busy));
    this.submitLabel.textContent = busy ? "Registering…" : "Register";
    for (const field of FIELDS) {
      this.#input(field).readOnly = busy;
    }
  }

  focus() {
    this.#input(FIELDS[0]).focus();
  }

  #clearError(field) {
    this.#input(field).removeAttribute("aria-invalid");
    this.#error(field).textContent = "";
  }

  /** @returns {HTMLInputElement} */
  #input(field) {
    return this.form.elements.namedItem(field);
  }

  #error(field) {
    return this.form.querySelector(`#${field}-error`);
  }
}

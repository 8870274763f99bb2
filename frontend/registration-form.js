/** The form: an input for each attribute that config.json lists, their errors, and whether it is being sent. */

export class RegistrationForm {
  /**
   * Build the inputs, and show the button.
   *
   * @param {HTMLFormElement} form holds #fields, #submit and #submit-label
   * @param {import("./site-config.js").Attribute[]} attributes
   */
  constructor(form, attributes) {
    this.form = form;
    this.attributes = attributes;
    this.submitButton = form.querySelector("#submit");
    this.submitLabel = form.querySelector("#submit-label");
    form.querySelector("#fields").replaceChildren(...attributes.map(field));
    this.submitButton.hidden = false;
    for (const { name } of attributes) {
      this.#input(name).addEventListener("input", () => this.#clearError(name));
    }
  }

  /**
   * Return what the person typed, without the optional attributes that were left empty. The service
   * refuses spaces around a value, so they are removed in the form, where the person sees it.
   *
   * @returns {import("./registration-request.js").Registration}
   */
  read() {
    const registration = {};
    for (const { name, required } of this.attributes) {
      const value = this.#input(name).value.trim();
      this.#input(name).value = value;
      if (required || value !== "") {
        registration[name] = value;
      }
    }
    return registration;
  }

  /** @param {import("./registration-request.js").Registration} registration */
  fill(registration) {
    for (const { name } of this.attributes) {
      this.#input(name).value = registration[name] ?? "";
    }
  }

  /**
   * Return an error for each required field that is empty. The service checks all other rules.
   *
   * @param {import("./registration-request.js").Registration} registration
   * @returns {import("./registration-request.js").FieldError[]}
   */
  missing(registration) {
    return this.attributes
      .filter(({ name }) => registration[name] === "")
      .map(({ name }) => ({ field: name, code: "missing", message: "" }));
  }

  /**
   * Show each error at its field and focus the first of them.
   *
   * @param {import("./registration-request.js").FieldError[]} errors
   * @returns {import("./registration-request.js").FieldError[]} the errors of no field of the form
   */
  showErrors(errors) {
    const names = this.attributes.map(({ name }) => name);
    const shown = names.filter((name) => errors.some((error) => error.field === name));
    for (const name of shown) {
      this.#input(name).setAttribute("aria-invalid", "true");
      const attribute = this.attributes.find((each) => each.name === name);
      this.#error(name).textContent = errors
        .filter((error) => error.field === name)
        .map((error) => inWords(error, attribute))
        .join(" ");
    }
    if (shown.length > 0) {
      this.#input(shown[0]).focus();
    }
    return errors.filter((error) => !names.includes(error.field));
  }

  clearErrors() {
    this.attributes.forEach(({ name }) => this.#clearError(name));
  }

  /** While a registration is being sent the fields are read-only; the button keeps its focus. */
  setBusy(busy) {
    this.form.setAttribute("aria-busy", String(busy));
    this.submitButton.setAttribute("aria-disabled", String(busy));
    this.nameButton(busy ? "Registering…" : "Register");
    for (const { name } of this.attributes) {
      this.#input(name).readOnly = busy;
    }
  }

  /** @param {string} label what the one button of the form does now */
  nameButton(label) {
    this.submitLabel.textContent = label;
  }

  focus() {
    this.#input(this.attributes[0].name).focus();
  }

  #clearError(name) {
    this.#input(name).removeAttribute("aria-invalid");
    this.#error(name).textContent = "";
  }

  /** @returns {HTMLInputElement} */
  #input(name) {
    return this.form.querySelector(`#field-${name}`);
  }

  #error(name) {
    return this.form.querySelector(`#field-${name}-error`);
  }
}

/** A label within a sentence; an abbreviation stays as it is. */
export function inSentence(label) {
  return /^\p{Lu}\p{Lu}/u.test(label) ? label : label.charAt(0).toLowerCase() + label.slice(1);
}

/**
 * What is wrong with a value, for the person who typed it. The service's own sentences are whole rules; the page shows
 * such a rule as the field's hint already.
 *
 * @param {import("./registration-request.js").FieldError} error
 * @param {import("./site-config.js").Attribute | undefined} attribute
 */
export function inWords({ code, message }, attribute) {
  if (attribute === undefined) {
    return message;
  }
  const label = inSentence(attribute.label);
  switch (code) {
    case "missing":
      return `Enter your ${label}.`;
    case "too-short":
      return `This ${label} is too short.`;
    case "too-long":
      return `This ${label} is too long.`;
    case "invalid":
      return `This ${label} can't be used. It should look like ${attribute.example}.`;
    case "invisible":
      return `A part of this ${label} can't be seen. Type it anew.`;
    case "reserved":
      return `This ${label} is reserved. Choose another.`;
    case "already-taken":
      return `This ${label} is taken. Choose another.`;
    default:
      return message;
  }
}

/** @param {import("./site-config.js").Attribute} attribute */
function field({ name, label, hint, required, type, inputmode, autocomplete, autocapitalize }) {
  const id = `field-${name}`;
  const html = { id, name, type, inputMode: inputmode, autocomplete, autocapitalize, required };
  const input = Object.assign(document.createElement("input"), html);
  input.spellcheck = false;
  if (type === "text") {
    input.dir = "auto";
  }
  const error = paragraph("field-error", `${id}-error`, "");
  const parts = hint === "" ? [error] : [paragraph("field-hint", `${id}-hint`, hint), error];
  input.setAttribute("aria-describedby", parts.map((part) => part.id).join(" "));
  const labelElement = Object.assign(document.createElement("label"), { htmlFor: id, textContent: label });
  if (!required) {
    const optional = Object.assign(document.createElement("span"), { className: "optional", textContent: "(optional)" });
    labelElement.append(" ", optional);
  }
  const element = Object.assign(document.createElement("div"), { className: "field" });
  element.append(labelElement, input, ...parts);
  return element;
}

function paragraph(className, id, textContent) {
  return Object.assign(document.createElement("p"), { className, id, textContent });
}

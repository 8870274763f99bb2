/** A value that belongs to this tab: a reload keeps it, and the tab takes it along when it is closed. */

export class TabValue {
  /** Used if the browser refuses sessionStorage, because of a policy for example: a reload forgets the value then. */
  #memory = null;

  /**
   * @param {string} storageKey
   * @param {(value: any) => boolean} isValid says whether what was found is such a value
   */
  constructor(storageKey, isValid) {
    this.storageKey = storageKey;
    this.isValid = isValid;
  }

  /** @returns the value, or null */
  read() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(this.storageKey) ?? "null");
      return this.isValid(kept) ? kept : this.#memory;
    } catch {
      return this.#memory;
    }
  }

  write(value) {
    this.#memory = value;
    try {
      sessionStorage.setItem(this.storageKey, JSON.stringify(value));
    } catch {
      // #memory keeps it until the page is left.
    }
  }

  forget() {
    this.#memory = null;
    try {
      sessionStorage.removeItem(this.storageKey);
    } catch {
      // There is nothing to remove.
    }
  }
}

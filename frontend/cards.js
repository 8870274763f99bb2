/** The page's cards, of which one is shown at a time: the form, what may follow it, and what a mailed link opens. */

const CARDS = ["register", "requested", "confirm", "link-refused", "registered"];

/** The form's heading greets; the tab says what the page is for. */
const FORM_TITLE = "Register";

let environment = "";

/** Show a card, and move the focus to its heading; the form chooses the focus itself. */
export function showCard(shown) {
  for (const name of CARDS) {
    card(name).hidden = name !== shown;
  }
  nameDocument();
  if (shown !== "register") {
    heading(shown).focus();
  }
}

export function shownCard() {
  return CARDS.find((name) => !card(name).hidden);
}

/** @param {string} name of the stack's environment, for the page's title */
export function nameEnvironment(name) {
  environment = name;
  nameDocument();
}

/** Name the tab after the card that is shown. */
export function nameDocument() {
  const title = shownCard() === "register" ? FORM_TITLE : heading(shownCard()).textContent;
  document.title = [title, "userstream", environment].filter((part) => part !== "").join(" · ");
}

function card(name) {
  return document.getElementById(name);
}

function heading(name) {
  return document.getElementById(`${name}-title`);
}

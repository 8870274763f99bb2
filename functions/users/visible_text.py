"""Whether a text shows anything: a value that nobody can see is no name."""

from unicodedata import category

BLANK = frozenset(
    # Unicode's Default_Ignorable_Code_Point, of which only these are letters: fillers of Hangul.
    "\u115f\u1160\u3164\uffa0"
    # Letters and symbols with an empty glyph: Braille without dots, a half-width space, blanks of
    # hieroglyphs, a note without a head, spaces of SignWriting; and the place of a missing object.
    "\u2800\u303f\U00013441\U00013442\U0001d159\U0001da7f\U0001da80\ufffc"
)
"""Characters that Unicode's General_Category has among those that show, but that show nothing."""

_SHOWN = frozenset("LNPS")
"""Letters, numbers, punctuation, symbols. Marks show on another character only; controls, formats,
spaces, private and unassigned characters may show nothing."""


def is_visible(text: str) -> bool:
    """Say whether at least one character can be seen."""
    return any(category(character)[0] in _SHOWN and character not in BLANK for character in text)

"""The rules of usernames beyond ASCII (`functions.users.username`); imported when one comes."""

from unicodedata import category, normalize

from precis_i18n import get_profile

from functions.users.visible_text import BLANK

# Joiners between letters, which Persian and Sinhala need: RFC 5892, appendix A.1 and A.2.
_OTHERS = frozenset("._-\u200c\u200d")
_MARKS_IN_A_ROW = 4


def is_international_username(form: str) -> bool:
    """Check the NFKC of a text that meets the pattern of usernames."""
    return (
        (form[0].isalpha() or form[0].isdecimal())
        and all(map(_is_allowed, form))
        and BLANK.isdisjoint(form)
        and not _has_stacked_marks(form)
        and _is_precis_username(form)
    )


def _is_allowed(character: str) -> bool:
    return character in _OTHERS or category(character) == "Nd" or category(character)[0] in "LM"


def _has_stacked_marks(text: str) -> bool:
    row, previous = 0, ""
    for character in normalize("NFD", text):
        row = row + 1 if category(character) == "Mn" else 0
        if row > _MARKS_IN_A_ROW or (row > 1 and character == previous):
            return True
        previous = character
    return False


def _is_precis_username(text: str) -> bool:
    try:
        get_profile("UsernameCaseMapped").enforce(text)
    except UnicodeEncodeError:
        return False
    return True

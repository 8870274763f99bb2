"""Usernames: which ones are allowed, which count as the same, and which look alike.

| rule | source |
| --- | --- |
| letters with their marks, decimal digits, dots, underscores, hyphens | ours |
| nothing invisible or misplaced, one direction of writing | PRECIS: RFC 8265, 3.3; RFC 8264, 4.2 |
| no mark twice in a row, at most four in a row | UTS 39, 5.4 |
| the same: whatever the case and the width | Unicode Standard, 3.13, D146 |
| alike: equal skeletons, as typed or in lower case | UTS 39, 4 |
"""

from unicodedata import category, combining, normalize

LENGTH = range(3, 32 + 1)  # characters
# Joiners between letters, which Persian and Sinhala need: RFC 5892, appendix A.1 and A.2.
_JOINERS = "\u200c\u200d"
_OTHERS = frozenset("._-" + _JOINERS)
_MARKS_IN_A_ROW = 4

PATTERN = r"^[\p{L}\p{Nd}][\p{L}\p{Nd}\p{M}._\u200c\u200d-]*$"
"""Every username meets it; of ASCII, any text that does is one."""

# UTS 39's table, for ASCII alone; with "rn" for "m" shortened again (see `_skeleton_key`).
_ASCII_ALIKE = str.maketrans({"0": "o", "1": "l", "I": "l"})


def is_username(text: str) -> bool:
    """Check a text in NFC that meets PATTERN, by the form in which usernames are compared."""
    if text.isascii():
        return True
    form = normalize("NFKC", text)
    return (
        len(form) in LENGTH
        and (form[0].isalpha() or form[0].isdecimal())
        and all(each.isalpha() or each.isdecimal() or category(each)[0] == "M" or each in _OTHERS for each in form)
        and not _has_stacked_marks(form)
        and _is_precis_username(form)
    )


def _has_stacked_marks(text: str) -> bool:
    row = 0
    previous = ""
    for character in normalize("NFD", text):
        row = row + 1 if category(character) == "Mn" else 0
        if row > _MARKS_IN_A_ROW or (row > 1 and character == previous):
            return True
        previous = character
    return False


def _is_precis_username(text: str) -> bool:
    # Its tables take longer to load than all of a function's own modules.
    from precis_i18n import get_profile  # noqa: PLC0415

    try:
        get_profile("UsernameCaseMapped").enforce(text)
    except UnicodeEncodeError:
        return False
    return True


def compatibility_caseless(text: str) -> str:
    """Return what texts share that differ by case or compatibility forms alone.

    Such as the ligature of f and i, and the two letters: the Unicode Standard's compatibility
    caseless match (section 3.13, D146). Case folding can leave text that normalizing changes again,
    and the reverse, so each is done twice.
    """
    folded = normalize("NFKD", normalize("NFKD", normalize("NFD", text).casefold()).casefold())
    return normalize("NFKC", folded)


def lookalikes(text: str) -> frozenset[str]:
    """Return what usernames share that look alike, beside their compatibility caseless form.

    Two look alike if UTS 39 gives them one skeleton, as typed or in lower case: `paypaI` with a
    capital i, `paypal` and `paypa1`. A skeleton is given in its compatibility caseless form, so a
    username that is its own skeleton, as most of ASCII are, has no other one.
    """
    form = compatibility_caseless(text)
    return frozenset(map(_skeleton_key, (normalize("NFKC", text), form))) - {form}


def _skeleton_key(text: str) -> str:
    skeleton = text.translate(_ASCII_ALIKE) if text.isascii() else _skeleton(text)
    # The table writes m as rn. The reverse tells the same skeletons apart, and fewer usernames
    # differ from their own.
    return compatibility_caseless(skeleton).replace("rn", "m")


def _skeleton(text: str) -> str:
    # Most usernames need no table.
    from functions.users.confusables import PROTOTYPES  # noqa: PLC0415

    decomposed = "".join(each for each in normalize("NFD", text) if each not in _JOINERS)
    return _without_hidden_dots(normalize("NFD", decomposed.translate(PROTOTYPES)))


def _without_hidden_dots(text: str) -> str:
    """Drop a dot above from letters that have one already: nobody sees it (UTS 39, 5.4)."""
    kept: list[str] = []
    base = ""
    for character in text:
        if character == "\u0307" and base in "ijl":
            continue
        if not combining(character):
            base = character
        kept.append(character)
    return "".join(kept)

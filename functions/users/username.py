"""Usernames: which ones are allowed, which count as the same, and which look alike.

| rule | source |
| --- | --- |
| letters with their marks, decimal digits, dots, underscores, hyphens | ours |
| nothing invisible or misplaced, one direction of writing | PRECIS: RFC 8265, 3.3; RFC 8264, 4.2 |
| no mark twice in a row, at most four in a row | UTS 39, 5.4 |
| the same: whatever the case and the width | Unicode Standard, 3.13, D146 |
| alike: equal skeletons, as typed or in lower case | UTS 39, 4 |

What only usernames beyond ASCII need is imported when one comes.
"""

from unicodedata import normalize

LENGTH = range(3, 32 + 1)  # characters

PATTERN = r"^[\p{L}\p{Nd}][\p{L}\p{Nd}\p{M}._\u200c\u200d-]*$"
"""Every username meets it; of ASCII, any text that does is one."""

# The table of UTS 39 for letters and digits of ASCII, without m (see `_skeleton_form`).
_ASCII_PROTOTYPES = str.maketrans({"0": "o", "1": "l", "I": "l"})


def is_username(text: str) -> bool:
    """Check a text in NFC that meets PATTERN, by the form in which usernames are compared."""
    if text.isascii():
        return True
    from functions.users.international_usernames import is_international_username  # noqa: PLC0415

    form = normalize("NFKC", text)
    return len(form) in LENGTH and is_international_username(form)


def compatibility_caseless(text: str) -> str:
    """Return what texts share that differ by case or compatibility forms alone.

    Such as the ligature of f and i, and the two letters: the Unicode Standard's compatibility
    caseless match (section 3.13, D146). Case folding can leave text that normalizing changes again,
    and the reverse, so each is done twice.
    """
    if text.isascii():
        return text.lower()
    folded = normalize("NFKD", normalize("NFKD", normalize("NFD", text).casefold()).casefold())
    return normalize("NFKC", folded)


def lookalikes(text: str) -> frozenset[str]:
    """Return what usernames share that look alike, beside their compatibility caseless form.

    Two look alike if UTS 39 gives them one skeleton, as typed or in lower case: `paypaI` with a
    capital i, `paypal` and `paypa1`. A skeleton is given in its compatibility caseless form, so a
    username that is its own skeleton, as most of ASCII are, has no other one.
    """
    form = compatibility_caseless(text)
    return frozenset(map(_skeleton_form, (normalize("NFKC", text), form))) - {form}


def _skeleton_form(text: str) -> str:
    if text.isascii():
        skeleton = text.translate(_ASCII_PROTOTYPES)
    else:
        from functions.users.confusables import skeleton_of  # noqa: PLC0415

        skeleton = skeleton_of(text)
    # The table writes m as rn. With m for rn the same skeletons are equal, and fewer usernames
    # differ from their own.
    return compatibility_caseless(skeleton).replace("rn", "m")

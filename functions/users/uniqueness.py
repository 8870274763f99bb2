"""Which emails and usernames count as the same.

Each value that only one user may hold has an item in UserKeys, whose key is made here. What the user typed is stored
beside the user, unchanged; only the comparison ignores case and, for usernames, ways of writing the same character.
"""

from unicodedata import normalize

LONGEST_KEY = 2048
"""Bytes: the most that a table's key may have (DynamoDB Developer Guide, "Quotas"). No registered value needs it."""


def email_key(email: str) -> str:
    """Give the UserKeys key of an email; two emails that differ by case alone have the same one."""
    return f"email#{email.casefold()}"


def username_key(username: str) -> str:
    """Give the UserKeys key of a username.

    Two usernames have the same one when they differ by case or by compatibility forms alone (the ligature of f and i,
    and the two letters). Folding the case can leave a text that normalising changes again, and the reverse, so each is
    done twice: the Unicode Standard's compatibility caseless match (section 3.13, D146).
    """
    folded = normalize("NFKD", normalize("NFKD", normalize("NFD", username).casefold()).casefold())
    return f"username#{normalize('NFKC', folded)}"


def keys_of(email: str | None, username: str | None) -> dict[str, str]:
    """Give the keys of a user's values by field; no key is of a value that is missing, empty or longer than one can be.

    Such values only a user has who came in by another way than registration.
    """
    keys = {"email": email_key(email) if email else "", "username": username_key(username) if username else ""}
    return {field: key for field, key in keys.items() if 0 < len(key.encode()) <= LONGEST_KEY}

"""Declarations of attributes that the project doesn't ship, for tests of what a team may add."""

from functions.users.attributes import Attribute, Text, Unique

NICKNAME = Attribute(
    name="nickname",
    label="Nickname",
    text=Text(
        minimum=1, maximum=30, pattern=r"^[A-Za-z0-9-]+$", sentence="Must be 1 to 30 letters, digits or hyphens."
    ),
    example="Al",
    unique=Unique(str.casefold, "whatever its case"),
)
"""Optional and unique."""

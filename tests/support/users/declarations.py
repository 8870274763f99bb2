"""Declarations of attributes that the project doesn't ship, for tests of what a team may add."""

from hypothesis import strategies as st

from contract.declarations import RESERVED
from functions.users.attributes import ATTRIBUTES, Attribute, FormInput, Text, Unique

SHIPPED = tuple(each for each in ATTRIBUTES if each.name in {"name", "email", "username"})
"""The three that the project declares, whatever a team has added."""

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

# Names that could be taken for something else in an expression, a model, a page or a program.
_NAMES = st.sampled_from(
    ["number", "text", "second", "same", "next", "owner", "key", "model", "schema", "copy", "json", "size", "status"]
) | st.from_regex(r"[a-z][A-Za-z0-9]{0,11}", fullmatch=True)


def _is_lower_case(value: str) -> bool:
    return value == value.lower()


_RULES = st.sampled_from(
    [
        (NICKNAME.text, "Al"),
        (Text(8, 16, r"^\+[1-9][0-9]{6,14}$", "Must be a phone number such as {example}."), "+442079460958"),
        (Text(1, 100, r"^[^\u0000-\u001f]+$", "Must be at most {maximum} characters."), "Kilimanjaro & S\u00f6hne"),
        (Text(1, 40, r"^\S+$", "Must be lower case.", _is_lower_case), "kichwa"),
    ]
)


@st.composite
def declarations(draw: st.DrawFn) -> Attribute:
    """An attribute that isn't declared: required or not, unique or not, personal or not."""
    text, example = draw(_RULES)
    taken = {each.name for each in ATTRIBUTES} | RESERVED
    return Attribute(
        name=draw(_NAMES.filter(lambda name: name not in taken)),
        label=draw(st.sampled_from(["Phone", "VAT ID", "What people call you"])),
        text=text,
        example=example,
        form=draw(st.builds(FormInput, st.sampled_from(["text", "tel", "url"]), st.sampled_from(["off", "tel"]))),
        help=draw(st.sampled_from(["", "At most {maximum} characters."])),
        required=draw(st.booleans()),
        personal=draw(st.booleans()),
        unique=draw(st.none() | st.just(Unique(str.casefold, "whatever its case")) | st.just(Unique(str, ""))),
    )

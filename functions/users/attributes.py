"""The attributes of a user, each declared once; docs/extending.md says how to add one.

From `ATTRIBUTES` follow what callers may send and its validation, the stored item and its updates,
the keys that make values unique, what the API shows, the published contract, what a masked log
shows, the page's form, and what operators' commands go over.

Declarations are plain data, so functions that validate nothing read them without pydantic-core.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Literal, NamedTuple

from functions.users import email_address, username
from functions.users.reserved_usernames import RESERVED_USERNAMES


class Text(NamedTuple):
    """What a value must be. A value is text, taken in NFC, of which something can be seen."""

    minimum: int  # characters, at least 1
    maximum: int  # characters
    pattern: str
    """The same to Rust's regex, which runs it, and to ECMA-262 with the u flag (JSON Schema's)."""
    sentence: str
    """The whole rule for people; {minimum}, {maximum} and {example} stand for the values."""
    check: Callable[[str], bool] | None = None
    """What a pattern can't say; runs on values that meet the rest."""


class Unique(NamedTuple):
    """How values are compared that no two users may share."""

    form: Callable[[str], str]
    """Values are the same if their forms are. Stored keys hold it: changing it loses them."""
    words: str
    """What the form ignores, as the contract says it: "whatever its case"; "" for nothing."""
    alike: Callable[[str], Collection[str]] | None = None
    """Returns further forms: two users may not have values of which one form, of either kind, is
    the same. Stored keys hold these too, and `verify --repair` renews them after a change."""
    reserved: tuple[str, ...] = ()
    """Values that nobody may send, nor what is the same or alike."""

    def forms(self, value: str) -> frozenset[str]:
        """Return the form of a value, with the further ones."""
        return frozenset({self.form(value), *(self.alike(value) if self.alike else ())})


class FormInput(NamedTuple):
    """The attribute's input on the page (HTML Standard, section 4.10)."""

    type: Literal["text", "email", "tel", "url"] = "text"
    inputmode: Literal["text", "email", "tel", "url", "numeric"] = "text"
    """Which keyboard a phone shows."""
    autocomplete: str = "off"
    autocapitalize: Literal["none", "words", "sentences"] = "none"


class Attribute(NamedTuple):
    """One attribute of a user."""

    name: str
    """In camelCase: in requests, answers, the Users table, images and logs."""
    label: str
    text: Text
    example: str
    """A valid value, shown in the contract and used for tests and the local stack."""
    form: FormInput = FormInput()
    help: str = ""
    """A sentence under the input, in the form of `Text.sentence`; "" for none."""
    required: bool = False
    """Whether everybody registers with one; if not, a change to null takes it away again."""
    personal: bool = True
    """Whether a masked log hides it."""
    unique: Unique | None = None
    stored: Callable[[str], str] = str
    """What the Users table has instead of a value as typed, which is kept beside it. Values that
    are stored alike must have one form."""
    confirmed: bool = False
    """Whether with neutral answers the value, an e-mail address, is the user's only once a link
    that was sent there was followed. At most one attribute, required and unique."""
    accepted: bool = True
    """False: stored values are shown, changed and freed, but nobody may send one yet."""

    @property
    def rule(self) -> str:
        """The rule in words, with its limits."""
        return self._filled_in(self.text.sentence)

    @property
    def hint(self) -> str:
        """The sentence under the input, with its limits."""
        return self._filled_in(self.help)

    def _filled_in(self, sentence: str) -> str:
        return sentence.format(minimum=self.text.minimum, maximum=self.text.maximum, example=self.example)


def visible_when_masked(attributes: Sequence[Attribute]) -> frozenset[str]:
    """Return what a masked log may show of an item, by an allow list: all else is masked.

    registrationDigest isn't in it, because a digest of guessable values can be guessed.
    """
    shown = {attribute.name for attribute in attributes if not attribute.personal}
    return frozenset({"userId", "version", "createdAt", "updatedAt", "schemaVersion"} | shown)


# No name contains controls, line and paragraph separators, zero-width spaces or characters that
# reverse the text direction, and each could forge a line of a log or a page.
_FORBIDDEN = r"\u0000-\u001f\u007f-\u009f\u200b\u2028-\u202e\u2060\u2066-\u2069\ufeff"
_NAME = rf"^[^\s{_FORBIDDEN}](?:[^{_FORBIDDEN}]*[^\s{_FORBIDDEN}])?$"


ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute(
        name="name",
        label="Name",
        text=Text(
            minimum=1,
            maximum=200,
            pattern=_NAME,
            sentence="Must be {minimum} to {maximum} characters, "
            "with no space at either end and no control characters.",
        ),
        example="Alice",
        form=FormInput(autocomplete="name", autocapitalize="words"),
        required=True,
    ),
    Attribute(
        name="email",
        label="Email",
        text=Text(
            minimum=3,
            maximum=email_address.LONGEST,
            pattern=email_address.PATTERN,
            sentence="Must be an e-mail address such as {example}, of at most {maximum} characters, "
            f"{email_address.LOCAL_PART} of them before the @.",
            check=email_address.is_address,
        ),
        example="alice@example.com",
        # Not of the type email: browsers turn what was typed into A-labels.
        form=FormInput(inputmode="email", autocomplete="email"),
        required=True,
        stored=email_address.with_ascii_domain,
        unique=Unique(email_address.compared, "whatever its case"),
        confirmed=True,
    ),
    Attribute(
        name="username",
        label="Username",
        text=Text(
            minimum=username.LENGTH[0],
            maximum=username.LENGTH[-1],
            pattern=username.PATTERN,
            sentence="Must be {minimum} to {maximum} letters, digits, dots, underscores or hyphens, "
            "beginning with a letter or a digit.",
            check=username.is_username,
        ),
        example="alice",
        form=FormInput(autocomplete="username"),
        help="{minimum} to {maximum} letters, digits, dots, dashes or underscores.",
        required=True,
        unique=Unique(
            username.compatibility_caseless,
            "whatever its case and width",
            alike=username.lookalikes,
            reserved=RESERVED_USERNAMES,
        ),
    ),
    # The next attribute: docs/extending.md.
)
"""In the order in which people read them."""

"""E-mail addresses: which ones mail systems take, and how they are stored and compared.

| part | rule | source |
| --- | --- | --- |
| before the @ | a dot-atom of ASCII, at most 64 characters | RFC 5321, 4.1.2, 4.5.3.1.1 |
| domain | labels of letters, digits and inner hyphens, two or more | RFC 5321, 4.1.2; RFC 1035 |
| its last label | begins with a letter, as that of no IP address | RFC 1123, 2.1 |
| beyond ASCII | A-labels of IDNA 2008, mapped without transition | RFC 5891; UTS 46, 4 |
| all of it | at most 254 characters, with A-labels | RFC 5321, 4.5.3.1.3, less the brackets |

Characters beyond ASCII before the @ need SMTPUTF8 (RFC 6531) at every mail server on the way, and
Amazon SES doesn't have it, so they are refused.
"""

LOCAL_PART = 64  # characters
LONGEST = 254  # characters

_ATOM = r"[a-zA-Z0-9!#$%&'*+\/=?^_`{|}~-]+"
_DOTS = r"\u3002\uff0e\uff61"  # full stops that UTS 46 maps to a dot
_DOT = rf"[.{_DOTS}]"
# In a label that isn't ASCII, whatever else isn't passes: IDNA's tables decide about it.
_OTHER = rf"[^\u0000-\u007f{_DOTS}](?:[^\u0000-,./:-@\[-`{{-\u007f{_DOTS}]*[^\u0000-/:-@\[-`{{-\u007f{_DOTS}])?"


def _label(first: str) -> str:
    return rf"(?:{first}(?:[a-zA-Z0-9-]{{0,61}}[a-zA-Z0-9])?|(?:{first}[a-zA-Z0-9-]*)?{_OTHER})"


PATTERN = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_label('[a-zA-Z0-9]')}{_DOT})+{_label('[a-zA-Z]')}$"
"""Every address meets it; of ASCII, and without A-labels, any text that does is one if the part
before the @ isn't longer than LOCAL_PART."""


def is_address(text: str) -> bool:
    """Check a text that meets PATTERN: the lengths, and a domain that isn't plain ASCII."""
    local, _, domain = text.rpartition("@")
    if len(local) > LOCAL_PART:
        return False
    if domain.isascii() and "xn--" not in domain.casefold():
        return True
    encoded = _ascii_domain(domain)
    return (
        encoded is not None
        and encoded.rpartition(".")[2][0].isalpha()  # full-width digits are digits
        and len(f"{local}@{encoded}") <= LONGEST
    )


def with_ascii_domain(address: str) -> str:
    """Return the address as mail systems take it, the domain in A-labels.

    An address that has none, as an imported user's text may be, is returned as it is.
    """
    local, at, domain = address.rpartition("@")
    if not at or domain.isascii():
        return address
    encoded = _ascii_domain(domain)
    return address if encoded is None else f"{local}@{encoded}"


def compared(address: str) -> str:
    """Return what addresses share that are the same: the domain in A-labels, all in lower case.

    RFC 5321 leaves to each domain whether the part before the @ has a case; two users whose
    addresses differ by it alone would be one person, or a fraud.
    """
    return with_ascii_domain(address).casefold()


def _ascii_domain(domain: str) -> str | None:
    """Return the domain in A-labels and lower case, None if IDNA has none for it."""
    # Its tables take longer to load than all of a function's own modules.
    from idna import IDNAError, encode, uts46_remap  # noqa: PLC0415

    try:
        # UTS 46 drops what nobody sees, such as soft hyphens; what is there unseen is refused.
        if not all(uts46_remap(character, std3_rules=False) for character in domain):
            return None
        return encode(domain, uts46=True, std3_rules=True).decode("ascii")
    except IDNAError:
        return None

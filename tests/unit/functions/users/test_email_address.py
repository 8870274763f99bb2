"""How addresses are stored and compared; test_fields.py has which are taken."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.users.email_address import compared, with_ascii_domain


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Alice@Example.COM", "Alice@Example.COM"),
        ("Alice@B\u00dcCHER.example", "Alice@xn--bcher-kva.example"),
        ("a@bu\u0308cher.example", "a@xn--bcher-kva.example"),
        ("a@fa\u00df.de", "a@xn--fa-hia.de"),  # not fass.de: the mapping is non-transitional
        ("a@\u4f8b\u3048\u3002jp", "a@xn--r8jz45g.jp"),
        ("a@\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45.com", "a@example.com"),
        ("a@XN--BCHER-KVA.example", "a@XN--BCHER-KVA.example"),
    ],
)
def test_a_domain_is_stored_in_ascii(typed: str, stored: str) -> None:
    assert with_ascii_domain(typed) == stored
    assert compared(typed) == compared(stored) == stored.casefold()


def test_addresses_that_differ_by_case_alone_are_one() -> None:
    assert compared("Alice@Example.COM") == compared("alice@example.com") == "alice@example.com"
    assert compared("al.ice@example.com") != compared("alice@example.com")
    assert compared("a@fa\u00df.de") != compared("a@fass.de")


@given(st.text() | st.text(min_size=1).map(lambda domain: f"a@{domain}"))
@example("a@\u1e9e.\u2603")
@example("a@" + "\u00fc" * 300)
@example("\u00df@\u00df")
@example("a@\ud800")
@example("a@.\u00fc")
@example("@\u00fc")
def test_any_imported_text_is_compared_and_what_is_compared_stays(text: str) -> None:
    form = compared(text)
    assert compared(form) == form
    assert compared(with_ascii_domain(text)) == form
    assert with_ascii_domain(with_ascii_domain(text)) == with_ascii_domain(text)

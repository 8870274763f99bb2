"""The fields' rules: what is valid, what isn't, and the errors."""

import re
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic.json_schema import GenerateJsonSchema

from functions.users.attributes import ATTRIBUTES, Attribute
from functions.users.fields import FIELDS, MAXIMUM_ERRORS, Fields
from functions.users.user import FieldError, InvalidFieldsError
from functions.users.visible_text import is_visible
from tests.support.users import declarations
from tests.support.users.people import registration, user
from tests.support.users.users_api import UsersApi
from tests.support.users.users_in_memory import InMemoryUsers

ALICE = registration()
ATTRIBUTE = {attribute.name: attribute for attribute in ATTRIBUTES}
# The three that are shipped, whatever else is declared.
SHIPPED = Fields(declarations.SHIPPED)


def errors_of(body: dict[str, Any], fields: Fields = FIELDS) -> list[tuple[str, str]]:
    with pytest.raises(InvalidFieldsError) as refusal:
        fields.parse_registration(body)
    return [(error.field, error.code) for error in refusal.value.errors]


GOOD: list[tuple[str, str]] = [
    ("name", "A"),
    ("name", "Zo\u00eb O'Brien-M\u00fcller, Jr."),
    ("name", "\u738b\u5c0f\u660e"),
    ("name", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),  # a joiner that Persian needs
    ("name", "\U0001f469\u200d\U0001f680 Ada"),
    ("name", "<script>alert(1)</script>"),  # text is text: whoever shows it on a page escapes it
    ("name", "'; DROP TABLE Users; --"),
    ("name", "a" * 200),
    ("name", "\U0001f600" * 200),
    ("email", "a@b.c"),
    ("email", "!#$%&'*+-/=?^_`{|}~@example.com"),
    ("email", "alice@b\u00fccher.example"),
    ("email", "Alice@B\u00dcCHER.example"),
    ("email", "a@\u4f8b\u3048.jp"),
    ("email", "a@\u0dc1\u0dca\u200d\u0dbb\u0dd3.lk"),  # a joiner that Sinhala needs
    ("email", "a@example.\u0440\u0444"),
    ("email", "a@3com.example"),
    ("email", "Alice.O'Brien+tag@sub.example.co.uk"),
    ("email", "a" * 64 + "@example.com"),
    ("email", "a@" + ".".join(["b" * 63] * 3) + "." + "c" * 60),
    ("email", "a@xn--bcher-kva.example"),
    ("username", "abc"),
    ("username", "007"),
    ("username", "a.b_c-D"),
    ("username", "stra\u00dfe"),
    ("username", "\u738b\u5c0f\u660e"),
    ("username", "\u0633\u0627\u0631\u0627\u06f1\u06f2"),
    ("username", "\uff41lice"),
    ("username", "\ufb01sh"),
    ("username", "\u0130pek"),
    ("username", "administer"),
    ("username", "a" * 32),
    ("email", "a@ab--cd.com"),
    ("email", "a@m\xfcnchen\uff0ede"),
    ("email", "a@\u05d0\u05d1\u05d21.com"),
    ("email", "a@\u03b2\u03cc\u03bb\u03bf\u03c2.com"),
    ("email", "a@abc.xn--p1ai"),
    ("email", "a@example.c0m"),
    ("name", "\u0936\u094d\u0930\u0940\u092e\u0924\u0940"),
    ("name", "\U0001f1e9\U0001f1ea"),
    ("name", "\xb7"),
    ("name", "\ufffd"),
    ("username", "\u05d0\u05d1\u05d21"),
    ("username", "\u30ab\u30bf\u30ab\u30ca"),
    ("username", "\u13aa\u13de\u13df"),
    ("username", "\U00020000\U00020001\U00020002"),
    ("username", "ivan."),
    ("username", "xn--abc"),
]


@pytest.mark.parametrize(("field", "value"), GOOD)
def test_a_valid_value_is_kept_as_typed(field: str, value: str) -> None:
    body = {**ALICE, field: value}
    assert FIELDS.parse_registration(body) == body
    assert FIELDS.parse_changes({field: value}) == {field: value}


BAD: list[tuple[str, object, str]] = [
    *((field, value, "not-text") for field in ALICE for value in (None, 3, 1.5, float("inf"), True, ["a"], {"a": 1})),
    *((field, "\ud800abc@x", "not-unicode") for field in ALICE),
    *((field, "", "too-short") for field in ALICE),
    *((field, "ab\x00c@example.com", "invalid") for field in ALICE),
    ("name", " ", "invalid"),
    ("name", " Alice", "invalid"),
    ("name", "Alice\u00a0", "invalid"),
    ("name", "Alice\n", "invalid"),
    ("name", "Al\tice", "invalid"),
    ("name", "Al\x7fice", "invalid"),
    ("name", "Al\x85ice", "invalid"),
    ("name", "Al\u2028ice", "invalid"),
    ("name", "\u202eecilA", "invalid"),
    ("name", "\u200b", "invalid"),
    ("name", "\ufeffAlice", "invalid"),
    ("name", "\u2800", "invisible"),  # Braille without dots
    ("name", "\u2800 \u2800", "invisible"),
    ("name", "\u034f", "invisible"),
    ("name", "\u00ad\u00ad", "invisible"),
    ("name", "\u3164", "invisible"),
    ("name", "\u115f\u1160", "invisible"),
    ("name", "\uffa0", "invisible"),
    ("name", "\u17b4\u17b5", "invisible"),
    ("name", "\u180e", "invisible"),
    ("name", "\u061c\u200e\u200f", "invisible"),
    ("name", "\u200c\u200d", "invisible"),
    ("name", "\ufe0f", "invisible"),
    ("name", "\U000e0041\U000e007f", "invisible"),
    ("name", "\U000e0100", "invisible"),
    ("name", "\u0301", "invisible"),  # an accent on nothing
    ("name", "\u0903", "invisible"),
    ("name", "\U00013441", "invisible"),  # a blank hieroglyph, which is a letter
    ("name", "\U0001d159", "invisible"),
    ("name", "\ufffc", "invisible"),
    ("name", "\ue000", "invisible"),  # private use
    ("name", "\U000f0000", "invisible"),
    ("name", "a" * 201, "too-long"),
    ("email", "alice", "invalid"),
    ("email", "@example.com", "invalid"),
    ("email", "alice@", "invalid"),
    ("email", "a@b@c", "invalid"),
    ("email", "al ice@example.com", "invalid"),
    ("email", " alice@example.com", "invalid"),
    ("email", "alice@example.com\n", "invalid"),
    ("email", "alice@example.com\r\nBcc: all@example.com", "invalid"),
    ("email", "alice@-example.com", "invalid"),
    ("email", "alice@example-.com", "invalid"),
    ("email", "alice@example..com", "invalid"),
    ("email", "alice@example.com.", "invalid"),
    ("email", "Alice <alice@example.com>", "invalid"),
    ("email", "a@b", "invalid"),
    ("email", "a..b@example.com", "invalid"),
    ("email", ".joe@example.com", "invalid"),
    ("email", "joe.@example.com", "invalid"),
    ("email", "joe@192.0.2.1", "invalid"),
    ("email", "joe@[192.0.2.1]", "invalid"),
    ("email", "joe@[IPv6:2001:db8::1]", "invalid"),
    ("email", "joe@2001:db8::1", "invalid"),
    ("email", "joe@3221225985", "invalid"),
    ("email", "joe@0xC0.0x0.0x2.0x1", "invalid"),
    ("email", "joe@\uff11\uff19\uff12.\uff10.\uff12.\uff11", "invalid"),  # full-width digits
    ("email", "joe@example.123", "invalid"),
    ("email", "joe@.example.com", "invalid"),
    ("email", "joe@exa_mple.com", "invalid"),
    ("email", '"joe"@example.com', "invalid"),
    ("email", '"a b"@example.com', "invalid"),
    ("email", "joe(comment)@example.com", "invalid"),
    ("email", "joe@example.c-", "invalid"),
    ("email", "joe@xn--a.example", "invalid"),
    ("email", "joe@xn--.example", "invalid"),
    ("email", "joe@\u2603.example", "invalid"),  # IDNA 2008 has no symbols
    ("email", "joe@exam\u00adple.com", "invalid"),
    ("email", "joe@exam\u200bple.com", "invalid"),
    ("email", "joe@\u3164.com", "invalid"),
    ("email", "joe@exam\u034fple.com", "invalid"),
    ("email", "joe@example.com\u202e", "invalid"),
    ("email", "joe@" + "\u00fc" * 60 + ".example", "invalid"),  # too long with A-labels
    ("email", "a" * 60 + "@" + ".".join(["\u00fc" * 25] * 6) + ".example", "invalid"),
    ("email", "b\u00fccher@example.com", "invalid"),
    ("email", "\u0430lice@example.com", "invalid"),
    ("email", "a" * 65 + "@example.com", "invalid"),
    ("email", "a@" + "b" * 64, "invalid"),
    ("email", "a@" + "b" * 253, "too-long"),
    ("username", "al", "too-short"),
    ("username", "a" * 33, "too-long"),
    ("username", ".alice", "invalid"),
    ("username", "_alice", "invalid"),
    ("username", "al ice", "invalid"),
    ("username", "alice ", "invalid"),
    ("username", "alice\n", "invalid"),
    ("username", "alice@x", "invalid"),
    ("username", "al/ice", "invalid"),
    ("username", "alice\ufe0f", "invalid"),
    ("username", "al\u200dice", "invalid"),
    ("username", "al\u115fice", "invalid"),
    ("username", "al\u3164ice", "invalid"),
    ("username", "al\uffa0ice", "invalid"),
    ("username", "abc\u00b2", "invalid"),
    ("username", "\U0001f600\U0001f600\U0001f600", "invalid"),
    ("username", "\ufdfa" * 3, "invalid"),  # one letter that NFKC writes as eighteen characters, spaces among them
    ("username", "\ufb03" * 12, "invalid"),  # a ligature that NFKC writes as three letters
    ("username", "ab\u034fc", "invalid"),
    ("username", "al\u00adice", "invalid"),
    ("username", "ali\u200cce", "invalid"),  # a joiner where nothing joins
    ("username", "alice\U00013441", "invalid"),
    ("username", "\u0301alice", "invalid"),
    ("username", "alice\u0301\u0301", "invalid"),
    ("username", "alice\u0300\u0301\u0302\u0303\u0304", "invalid"),
    ("username", "alice\u20dd", "invalid"),
    ("username", "\u0627\u0644\u0640\u0640\u064a", "invalid"),  # a stretched letter
    ("username", "alice\u0639\u0644\u064a", "invalid"),  # two directions of writing
    ("username", "\u0661\u0662\u0663", "invalid"),  # right to left, and no letter
    ("username", "ab\ua960", "invalid"),  # an old letter of Hangul
    ("username", "admin", "reserved"),
    ("username", "Admin", "reserved"),
    ("username", "POSTMASTER", "reserved"),
    ("username", "\uff52\uff4f\uff4f\uff54", "reserved"),
    ("username", "r00t", "reserved"),
    ("username", "supp0rt", "reserved"),
    ("username", "adrnin", "reserved"),
    ("username", "ADMlN", "reserved"),
    ("username", "lnfo", "reserved"),
    ("username", "\u0430dmin", "reserved"),
    ("username", "a\u0501min", "reserved"),
    ("name", "\u180b", "invisible"),
    ("name", "\u2061\u2064", "invisible"),
    ("name", "\u1160\u2800", "invisible"),
    ("name", "\U000e0020", "invisible"),
    ("name", "\U0001bca0", "invisible"),
    ("name", "\u070f", "invisible"),
    ("name", "\u08e2", "invisible"),
    ("name", "\U000110bd", "invisible"),
    ("name", "\ufff9\ufffb", "invisible"),
    ("name", "\ufdd0", "invisible"),
    ("name", "\u2fff", "invisible"),
    ("name", "\U0001da7f\U0001da80", "invisible"),
    ("name", "\u3000x", "invalid"),
    ("name", "x\u1680", "invalid"),
    ("name", "\u202fx", "invalid"),
    ("name", "x\ufeffy", "invalid"),
    ("name", "x\u2067y", "invalid"),
    ("email", "a@example\u2024com", "invalid"),
    ("email", "a@a\u2100.com", "invalid"),
    ("email", "a\uff20example.com", "invalid"),
    ("email", "a@example.com\u3002", "invalid"),
    ("email", "a@exam\u200dple.com", "invalid"),
    ("email", "a@1\u05d0\u05d1\u05d2.com", "invalid"),
    ("email", "a@\u0300x.com", "invalid"),
    ("email", "a@xn--0.pt", "invalid"),
    ("email", "a@xn--mnchen-3ya\xad.de", "invalid"),
    ("email", "a@\xadm\xfcnchen.de", "invalid"),
    ("email", "a@example.\uff11com", "invalid"),
    ("email", "a,b@example.com", "invalid"),
    ("email", "a\\@b@example.com", "invalid"),
    ("email", "\u017f@example.com", "invalid"),
    ("email", "a@\U0001f44d.com", "invalid"),
    ("username", "\u24d0lice", "invalid"),
    ("username", "\u2167abc", "invalid"),
    ("username", "\u0661\u0662\u0663abc", "invalid"),
    ("username", "\u05d0\u05d1\u05d2abc", "invalid"),
    ("username", "l\xb7l", "invalid"),
    ("username", "ab\u0600c", "invalid"),
    ("username", "ab\U000e0041c", "invalid"),
    ("username", "abc\u180e", "invalid"),
    ("username", "abc\u2800", "invalid"),
    ("username", "a\u3002b", "invalid"),
    ("username", "ROO\u0422", "reserved"),
    ("username", "\ua4f2ogin", "reserved"),
    ("username", "\u16c1ogin", "reserved"),
    ("username", "l\u03bfgin", "reserved"),
    ("username", "\u017felf", "reserved"),
    ("username", "nuII", "reserved"),
    ("username", "1nfo", "reserved"),
    ("username", "rnod", "reserved"),
    ("username", "m0d", "reserved"),
    ("username", "\U0001d586\U0001d589\U0001d592\U0001d58e\U0001d593", "reserved"),
    ("username", "adm\u0131\u0307n", "reserved"),
]


@pytest.mark.parametrize(("field", "value", "code"), BAD)
def test_an_invalid_value_is_reported_with_its_code(field: str, value: object, code: str) -> None:
    assert errors_of({**ALICE, field: value}) == [(field, code)]
    with pytest.raises(InvalidFieldsError):
        FIELDS.parse_changes({field: value})


def test_all_errors_are_reported_at_once() -> None:
    assert errors_of({"email": "alice", "username": 3, "admin": True}, SHIPPED) == [
        ("name", "missing"),
        ("email", "invalid"),
        ("username", "not-text"),
        ("admin", "unknown-field"),
    ]


@pytest.mark.parametrize("name", ["Name", "userId", "version", "__class__", "", "name ", "n\u0430me"])
def test_an_unknown_field_is_named(name: str) -> None:
    assert errors_of({**ALICE, name: "x"}) == [(name, "unknown-field")]


def test_at_most_twenty_unknown_fields_are_reported() -> None:
    errors = errors_of({"x" * 1000 + str(number): 1 for number in range(1000)}, SHIPPED)
    assert len(errors) == MAXIMUM_ERRORS
    assert errors[:3] == [("name", "missing"), ("email", "missing"), ("username", "missing")]
    assert max(len(field) for field, _ in errors) == 64


def test_a_change_names_at_least_one_field() -> None:
    with pytest.raises(InvalidFieldsError) as refusal:
        SHIPPED.parse_changes({})
    sentence = "Name at least one field to change: name, email or username."
    assert refusal.value.errors == (FieldError("", "nothing-to-change", sentence),)


@pytest.mark.parametrize("attribute", ATTRIBUTES, ids=[*ATTRIBUTE])
def test_null_takes_away_what_is_optional_and_nothing_else(attribute: Attribute) -> None:
    if not attribute.required:
        assert FIELDS.parse_changes({attribute.name: None}) == {attribute.name: None}
        return
    with pytest.raises(InvalidFieldsError) as refusal:
        FIELDS.parse_changes({attribute.name: None})
    sentence = "Is required: it can be changed, but not taken away."
    assert refusal.value.errors == (FieldError(attribute.name, "not-removable", sentence),)


@pytest.mark.parametrize(("field", "value"), [("name", ""), ("email", "alice"), ("username", "a" * 33)])
def test_the_message_states_the_whole_rule(field: str, value: str) -> None:
    with pytest.raises(InvalidFieldsError) as refusal:
        FIELDS.parse_registration({**ALICE, field: value})
    assert refusal.value.errors[0].message == ATTRIBUTE[field].rule


def test_an_attribute_that_is_not_accepted_yet_is_kept_and_freed_but_can_not_be_sent() -> None:
    later = declarations.NICKNAME._replace(accepted=False)
    table = (*declarations.SHIPPED, later)
    users, fields = InMemoryUsers(table), Fields(table)
    stored = user("7", registration(None, table, nickname="Al"))
    users.add(stored, None)
    api = UsersApi(users, fields)

    assert errors_of(registration(2, table, nickname="Bo"), fields) == [("nickname", "unknown-field")]
    assert api.patch("7", {"nickname": None}).problem_fields == ["nickname"]
    changed = api.patch("7", {"name": "Eve"})
    assert (changed.status, changed.body["nickname"]) == (200, "Al")
    assert users.owners["nickname#al"] == "7"
    assert api.delete("7").status == 204
    assert users.owners == {}


any_objects = st.dictionaries(
    st.sampled_from([*ALICE, "other"]) | st.text(max_size=3), st.text(max_size=40) | st.integers()
)
# Random objects alone are never valid.
with_any_name = st.text(max_size=40).map(lambda name: {**ALICE, "name": name})


@given(any_objects | with_any_name)
def test_any_object_is_valid_or_has_reported_errors(body: dict[str, Any]) -> None:
    try:
        parsed = FIELDS.parse_registration(body)
    except InvalidFieldsError:
        assert {field for field, _ in errors_of(body)} <= {*ALICE, *body}
    else:
        assert parsed == {name: normalize("NFC", value) for name, value in body.items()}


@pytest.mark.parametrize("schema", [FIELDS.registration_schema, FIELDS.changes_schema])
def test_the_published_contract_shows_the_rules(schema: Any) -> None:
    published = GenerateJsonSchema().generate(schema)
    assert published["additionalProperties"] is False
    for field, limits in (("name", (1, 200)), ("email", (3, 254)), ("username", (3, 32))):
        shown = published["properties"][field]
        assert (shown["minLength"], shown["maxLength"]) == limits
        assert shown["description"] == ATTRIBUTE[field].rule
        assert shown["pattern"]
        assert shown["examples"] == [ALICE[field]]
    assert published.get("required", []) == ([*ALICE] if schema is FIELDS.registration_schema else [])
    assert published.get("minProperties") == (None if schema is FIELDS.registration_schema else 1)


@given(st.text(max_size=20) | st.sampled_from([value for field, value in GOOD if field == "name"]))
def test_the_published_name_pattern_agrees_with_pythons(value: str) -> None:
    pattern = GenerateJsonSchema().generate(FIELDS.registration_schema)["properties"]["name"]["pattern"]
    try:
        accepted = bool(FIELDS.parse_changes({"name": value}))
    except InvalidFieldsError:
        accepted = False
    composed = normalize("NFC", value)
    # Python's $ also matches before a last line break, which JSON Schema's doesn't.
    meets = re.search(pattern.removesuffix("$") + r"\Z", composed) is not None
    assert (meets and is_visible(composed)) == accepted

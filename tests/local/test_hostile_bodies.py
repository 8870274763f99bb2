"""Hostile bodies for POST /register: the API refuses each by its contract, without a 5xx."""

import gzip
import json
from collections.abc import Callable, Mapping
from uuid import uuid4

import pytest

from tests.support.local.local_stack import LocalStack
from tests.support.local.users_over_http import person
from tests.support.raw_http import RawAnswer, send

JSON = {"Content-Type": "application/json"}


def member(**fields: object) -> bytes:
    """Return a registration that no other test makes, with some fields replaced."""
    return json.dumps(person() | fields).encode()


NOT_AN_OBJECT = {
    "nothing": b"",
    "blank": b" \n\t",
    "null": b"null",
    "a number": b"0",
    "a string": b'"name"',
    "an array": b"[]",
    "an array of objects": b"[" + member() + b"]",
    "cut off": member()[:-1],
    "two values": member() + member(),
    "a comment": member()[:-1] + b"/* */}",
    "single quotes": b"{'name': 'x'}",
    "a trailing comma": member()[:-1] + b",}",
    "a byte order mark": b"\xef\xbb\xbf" + member(),
    "utf-16": member().decode().encode("utf-16"),
    "a raw control character": member(name="x").replace(b'"x"', b'"\x01"'),
    "NaN": member(name="x").replace(b'"x"', b"NaN"),
    "Infinity": member(name="x").replace(b'"x"', b"-Infinity"),
    "arrays 8000 deep": b"[" * 8000,
    "objects 2000 deep": b'{"a":' * 2000 + b"1" + b"}" * 2000,
    "arrays 7000 deep in a field": b'{"name":' + b"[" * 7000 + b"]" * 7000 + b"}",
    "a name twice": b'{"name": "a", ' + member()[1:],
    "a name twice, one of them escaped": b'{"n\\u0061me": "a", ' + member()[1:],
    "xml": b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
}


@pytest.mark.parametrize("body", NOT_AN_OBJECT.values(), ids=NOT_AN_OBJECT.keys())
def test_a_body_that_is_not_a_plain_json_object_is_malformed(local_stack: LocalStack, body: bytes) -> None:
    answer = register(local_stack, body)

    assert problem(answer, 400) == "malformed-request"


@pytest.mark.parametrize("text", [b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80"], ids=["no", "overlong", "surrogate"])
def test_a_body_that_is_not_utf8_causes_no_server_error(local_stack: LocalStack, text: bytes) -> None:
    # The emulator hands the function U+FFFD in its place; test_request_json_body.py holds what the
    # function does with the bytes.
    assert register(local_stack, member(name="x").replace(b'"x"', b'"' + text + b'"')).status in {201, 400}


INVALID: Mapping[str, tuple[str, object]] = {
    "a number of 4000 digits": ("name", int("9" * 4000)),
    "the largest float": ("name", 1.7976931348623157e308),
    "true": ("name", True),
    "null": ("name", None),
    "an array": ("name", ["Mallory"]),
    "a DynamoDB value": ("email", {"S": "x@example.com"}),
    "a query operator": ("email", {"$gt": ""}),
    "NUL": ("name", "Mal\0lory"),
    "an escape sequence of a terminal": ("name", "\x1b[31mMallory"),
    "a line break for a log": ("name", 'Mallory\n{"level": "INFO", "message": "USER DELETED:"}'),
    "a line separator": ("name", "Mal\u2028lory"),
    "a lone surrogate": ("name", "\ud800"),
    "surrogates the wrong way round": ("name", "\udc00\ud800"),
    "right-to-left override": ("name", "Mallory \u202egnp.exe"),
    "only a zero-width space": ("name", "\u200b"),
    "only spaces": ("name", "   "),
    "a leading space": ("name", " Mallory"),
    "a trailing no-break space": ("name", "Mallory\u00a0"),
    "201 characters": ("name", "x" * 201),
    "an empty name": ("name", ""),
    "an email in Cyrillic letters": ("email", "\u0430lice@example.com"),
    "two at signs": ("email", "a@b@example.com"),
    "an email with a line break": ("email", "a@example.com\r\nBcc: all@example.com"),
    "a quoted local part": ("email", '"a b"@example.com'),
    "an email with an IP address": ("email", "a@[127.0.0.1]"),
    "a username of spaces": ("username", "mal lory"),
    "a username with a slash": ("username", "../admin"),
    "a username of combining marks only": ("username", "\u0301\u0301\u0301"),
    "a username with a zero-width joiner": ("username", "mal\u200dlory"),
    "an invisible username": ("username", "\u3164\u3164\u3164"),
    "a username that a compatibility form makes longer": ("username", "\ufdfa" * 3),
    "an emoji": ("username", "mallory\U0001f600"),
    "a key of the item": ("userId", "00000000-0000-0000-0000-000000000000"),
    "an attribute of the item": ("version", 99),
    "a prototype": ("__proto__", {"admin": True}),
    "an empty name of a member": ("", "x"),
}


@pytest.mark.parametrize(("field", "value"), INVALID.values(), ids=INVALID.keys())
def test_a_value_that_breaks_a_rule_is_named(local_stack: LocalStack, field: str, value: object) -> None:
    answer = register(local_stack, member(**{field: value}))

    assert problem(answer, 422) == "validation-failed"
    assert field in [error["field"] for error in answer.json["errors"]]


def test_thousands_of_unknown_fields_get_a_short_response(local_stack: LocalStack) -> None:
    answer = register(local_stack, member(**{f"f{number}": 0 for number in range(1000)}))

    assert problem(answer, 422) == "validation-failed"
    assert len(answer.body) < 8_000


@pytest.mark.parametrize("size", [16 * 1024 + 1, 1024 * 1024], ids=["a byte too many", "1 MiB"])
def test_a_body_that_is_too_large_is_refused_for_its_size(local_stack: LocalStack, size: int) -> None:
    body = member()
    answer = register(local_stack, body[:-1] + b" " * (size - len(body)) + b"}")

    assert problem(answer, 413) == "body-too-large"


def test_a_body_of_the_largest_size_is_read(local_stack: LocalStack) -> None:
    body = member()

    assert register(local_stack, body[:-1] + b" " * (16 * 1024 - len(body)) + b"}").status == 201


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "text/json"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json; charset=utf-7"},
        {"Content-Type": "application/json", "Content-Encoding": "br"},
    ],
    ids=str,
)
def test_a_body_that_does_not_say_it_is_json_is_refused(local_stack: LocalStack, headers: dict[str, str]) -> None:
    assert problem(register(local_stack, member(), headers), 415) == "unsupported-media-type"


def test_a_compressed_body_is_not_inflated(local_stack: LocalStack) -> None:
    bomb = gzip.compress(member(name="x" * 10_000_000))

    answer = register(local_stack, bomb, {**JSON, "Content-Encoding": "gzip"})

    assert problem(answer, 415) == "unsupported-media-type"


Look = Callable[[str], str]

LOOK_ALIKES: Mapping[str, Look] = {
    "capitals": str.upper,
    "full width": lambda text: "".join(chr(ord(letter) + 0xFEE0) for letter in text),
    "mathematical letters": lambda text: "".join(
        chr(0x1D41A + ord(letter) - ord("a")) if letter.isalpha() else letter for letter in text
    ),
}


@pytest.mark.parametrize("look", LOOK_ALIKES.values(), ids=LOOK_ALIKES.keys())
def test_a_username_that_reads_as_another_is_taken(local_stack: LocalStack, look: Look) -> None:
    username = "mallory" + uuid4().hex[:12]
    assert register(local_stack, member(username=username)).status == 201

    answer = register(local_stack, member(username=look(username)))

    assert problem(answer, 409) == "already-taken"
    assert [error["field"] for error in answer.json["errors"]] == ["username"]


def register(stack: LocalStack, body: bytes, headers: Mapping[str, str] = JSON) -> RawAnswer:
    return send(stack.outputs.api_url, "POST", "/register", body, headers)


def problem(answer: RawAnswer, status: int) -> str:
    """Return a problem's type, after checking that it shows no internals."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    text = answer.body.decode()
    for inside in ("Traceback", "File ", "botocore", "pydantic", "UserKeys", "Users-", "arn:aws", "mallory"):
        assert inside not in text
    return answer.json["type"].removeprefix("urn:userstream:problem:")

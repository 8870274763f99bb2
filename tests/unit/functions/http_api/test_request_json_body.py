"""Bodies as clients, tools and attackers send them."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.http_api.request import (
    MAXIMUM_BODY_BYTES,
    MAXIMUM_DEPTH,
    BodyTooLargeError,
    MalformedRequestError,
    RequestError,
    UnsupportedMediaTypeError,
    json_object,
    read_request,
)
from tests.support.users.http_api_events import http_event


def read(body: str | bytes | None, **headers: str) -> dict[str, object]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return json_object(read_request(http_event("POST /register", body=body, headers=named)))


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        'application/json; charset="UTF-8"',
        "application/json ; charset=utf8",
        "application/json; profile=x; charset=utf-8",
    ],
)
def test_any_spelling_of_the_json_media_type_is_accepted(content_type: str) -> None:
    assert read('{"name": "Zo\u00eb"}', Content_Type=content_type) == {"name": "Zo\u00eb"}


def test_base64_json_is_read() -> None:
    assert read('{"name": "Zo\u00eb"}'.encode()) == {"name": "Zo\u00eb"}


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/problem+json",
        "application/json, text/plain",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "application/json;charset=utf-8;charset=latin-1",
    ],
)
def test_anything_but_json_in_utf_8_is_an_unsupported_media_type(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaTypeError):
        read("{}", Content_Type=content_type)


def test_a_form_as_curl_sends_it_is_an_unsupported_media_type() -> None:
    with pytest.raises(UnsupportedMediaTypeError, match="application/json"):
        read(b"name=Alice&email=a%40example.com", Content_Type="application/x-www-form-urlencoded")


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
def test_a_compressed_body_is_an_unsupported_media_type(encoding: str) -> None:
    with pytest.raises(UnsupportedMediaTypeError, match="Content-Encoding"):
        read("{}", Content_Encoding=encoding)


MALFORMED: dict[str, str | bytes | None] = {
    "no body": None,
    "empty": "",
    "empty as base64": b"",
    "white space": " \r\n",
    "not JSON": "name=Alice",
    "cut off": '{"name": "Al',
    "two values": "{} {}",
    "trailing comma": '{"name": "Alice",}',
    "single quotes": "{'name': 'Alice'}",
    "a comment": '{} // "name"',
    "a byte order mark": "\ufeff{}",
    "a raw control character": '{"name": "Al\x00ice"}',
    "a raw line break": '{"name": "Al\nice"}',
    "NaN": '{"name": NaN}',
    "Infinity": '{"name": -Infinity}',
    "a number too many zeros": '{"name": 007}',
    "null": "null",
    "true": "true",
    "a number": "3",
    "text": '"{}"',
    "a list": '[{"name": "Alice"}]',
    "a repeated name": '{"name": "Alice", "name": "Eve"}',
    "a repeated name, escaped once": '{"name": "Alice", "n\\u0061me": "Eve"}',
    "a repeated name, deeper": '{"name": {"a": 1, "a": 2}}',
    "half a surrogate pair in a name": '{"\\ud800": "Alice"}',
    "half a surrogate pair, raw": '{"name": "\ud800"}',
    "latin-1 bytes": '{"name": "Zo\u00eb"}'.encode("latin-1"),
    "utf-16 bytes": '{"name": "Alice"}'.encode("utf-16"),
    "an overlong encoding": b'{"name": "\xc0\xaf"}',
    "an encoded surrogate": b'{"name": "\xed\xa0\x80"}',
    "thousands of lists": "[" * 16_000,
    "thousands of lists in a member": '{"name": ' + "[" * 16_000,
    "thousands of objects": '{"":' * 2_000 + "1" + "}" * 2_000,
    "one level too many": '{"a":' * 33 + "1" + "}" * 33,
    "lists too deep, after a text with brackets": '{"a": "\\"]]]]", "b": ' + "[" * 32 + "]" * 32 + "}",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_body_that_is_not_one_json_object_is_malformed(body: str | bytes | None) -> None:
    with pytest.raises(MalformedRequestError) as refusal:
        read(body)
    assert "Alice" not in str(refusal.value)


@pytest.mark.parametrize("body", ["{!}=", "e30", "e3\n0=", "e30=e30=", "\u00e9", "\ud800"])
def test_invalid_base64_is_malformed(body: str) -> None:
    event = http_event("POST /register") | {"isBase64Encoded": True, "body": body}
    with pytest.raises(MalformedRequestError):
        json_object(read_request(event))


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ('{"name": 1e999}', float("inf")),
        ('{"name": ' + "9" * 10_000 + "}", float("inf")),
        ('{"name": -0}', -0.0),
        ('{"name": 0.1}', 0.1),
        ('{"name": "\\ud83d\\ude00"}', "\U0001f600"),
        ('{"name": "\\ud83d"}', "\ud83d"),
        ('{"name": null}', None),
    ],
)
def test_odd_values_are_left_to_the_fields_rules(body: str, value: object) -> None:
    assert read(body) == {"name": value}


@pytest.mark.parametrize(
    "body",
    [
        '{"a":' * 32 + "1" + "}" * 32,
        '{"a": "' + "[{" * 1_000 + '"}',
        '{"a": "\\"' + "[" * 100 + '\\\\", "b": [' + "[], " * 100 + "[]]}",
    ],
)
def test_brackets_nest_up_to_32_levels_not_counting_those_in_texts(body: str) -> None:
    assert read(body) == json.loads(body)


@given(st.integers(0, 40), st.text(st.characters(codec="utf-8")))
def test_depth_is_counted_as_json_nests(depth: int, text: str) -> None:
    value: Any = {"text": text, "twice": [text] * 2}
    for _ in range(depth):
        value = [value]
    body = json.dumps({"value": value})
    if depth > MAXIMUM_DEPTH - 3:
        with pytest.raises(MalformedRequestError, match="levels"):
            read(body)
    else:
        assert read(body) == {"value": value}


def padded(size: int) -> str:
    return '{"name": "' + "a" * (size - len('{"name": ""}')) + '"}'


def test_the_largest_body_is_read_and_one_byte_more_is_too_large() -> None:
    for body in (padded(MAXIMUM_BODY_BYTES), padded(MAXIMUM_BODY_BYTES).encode()):
        assert read(body)
    for body in (padded(MAXIMUM_BODY_BYTES + 1), padded(MAXIMUM_BODY_BYTES + 1).encode()):
        with pytest.raises(BodyTooLargeError):
            read(body)


def test_the_limit_counts_bytes_not_characters() -> None:
    with pytest.raises(BodyTooLargeError):
        read('{"name": "' + "\u20ac" * (MAXIMUM_BODY_BYTES // 3) + '"}')


@pytest.mark.parametrize("body", ["a" * 2**20, b"a" * 2**20, "[" * 2**20, padded(2**20)])
def test_a_mebibyte_of_anything_is_too_large(body: str | bytes) -> None:
    for content_type in ("application/json", "application/x-www-form-urlencoded"):
        with pytest.raises(BodyTooLargeError):
            read(body, Content_Type=content_type)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), json_values, max_size=5), st.booleans())
def test_every_json_object_is_read_exactly(value: dict[str, Any], as_bytes: bool) -> None:  # noqa: FBT001
    text = json.dumps(value)
    assert read(text.encode() if as_bytes else text) == value


@given(st.text() | st.binary(), st.just("application/json") | st.text(max_size=40))
def test_any_body_gives_an_object_or_a_refusal(body: str | bytes, content_type: str) -> None:
    with suppress(RequestError):
        assert isinstance(read(body, Content_Type=content_type), dict)


@given(st.binary(max_size=200))
def test_any_bytes_in_a_value_give_an_object_or_a_refusal(content: bytes) -> None:
    body = b'{"name": "' + content + b'"}'
    with suppress(RequestError):
        assert isinstance(read(body), dict)

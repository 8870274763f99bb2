"""Which values have a key, and whose it is."""

from functions.users.user import LONGEST_KEY, held_keys, keys_of


def test_an_email_and_a_username_never_share_a_key() -> None:
    assert keys_of({"email": "alice"})["email"] != keys_of({"username": "alice"})["username"]


def test_only_values_that_fit_into_a_key_have_one() -> None:
    assert keys_of({"name": "A", "email": "A@b", "username": "Al"}) == {"email": "email#a@b", "username": "username#al"}
    assert keys_of({"username": ""}) == held_keys({"username": ""}) == {}
    longest = "\u00e9" * ((LONGEST_KEY - len("email#")) // 2)
    assert keys_of({"email": longest}) == {"email": f"email#{longest}"}
    assert keys_of({"email": longest + "e"}) == held_keys({"email": longest + "e"}) == {}


def test_a_user_holds_the_keys_of_the_values_and_of_what_looks_like_them() -> None:
    values = {"name": "A", "email": "Tom@B\u00fccher.example", "username": "tom0"}
    assert held_keys(values) == {
        "email#tom@xn--bcher-kva.example": "email",
        "username#tom0": "username",
        "username#tomo": "username",
    }
    assert {key: name for name, key in keys_of(values).items()}.items() <= held_keys(values).items()

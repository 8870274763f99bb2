import pytest

from contract.declarations import DeclarationError, check_declarations
from functions.users.attributes import ATTRIBUTES, Attribute, Unique
from tests.support.users.declarations import NICKNAME

TEXT = NICKNAME.text


@pytest.mark.parametrize("attribute", ATTRIBUTES, ids=[each.name for each in ATTRIBUTES])
def test_each_declared_attribute_can_work(attribute: Attribute) -> None:
    check_declarations([attribute._replace(required=True, accepted=True)])


def test_the_declared_attributes_can_work_together() -> None:
    check_declarations(ATTRIBUTES)


MISTAKES: list[tuple[str, Attribute]] = [
    ("its name must be camelCase", NICKNAME._replace(name="nick-name")),
    ("its name must be camelCase", NICKNAME._replace(name="Nickname")),
    ("its name must be camelCase", NICKNAME._replace(name="n\u0456ckname")),
    ("the name is one that every user has already", NICKNAME._replace(name="version")),
    ("the name is one that every user has already", NICKNAME._replace(name="registrationDigest")),
    ("the name is one that every user has already", NICKNAME._replace(name="changedBy")),
    ("it has no label", NICKNAME._replace(label=" ")),
    ("it is required but not accepted", NICKNAME._replace(required=True, accepted=False)),
    ("minimum must be at least 1", NICKNAME._replace(text=TEXT._replace(minimum=0))),
    ("at most maximum", NICKNAME._replace(text=TEXT._replace(minimum=9, maximum=8))),
    ("its example breaks its own rule", NICKNAME._replace(example="?")),
    ("a sentence has 'limit' in braces", NICKNAME._replace(text=TEXT._replace(sentence="At most {limit}."))),
    ("its help is shown to people", NICKNAME._replace(help="30 letters")),
    ("the form of a form must be the same form", NICKNAME._replace(unique=Unique("{}-".format, ""))),
    ("may be more than a key's 2048 bytes", NICKNAME._replace(text=TEXT._replace(maximum=600))),
]


@pytest.mark.parametrize(("words", "attribute"), MISTAKES)
def test_a_declaration_that_cannot_work_is_refused_by_its_name(words: str, attribute: Attribute) -> None:
    with pytest.raises(DeclarationError, match=f"^functions/users/attributes.py: {attribute.name}: ") as refusal:
        check_declarations([*ATTRIBUTES, attribute])
    assert words in str(refusal.value)


def test_two_declarations_of_one_name_are_refused() -> None:
    with pytest.raises(DeclarationError, match="nickname: is declared 2 times"):
        check_declarations([*ATTRIBUTES, NICKNAME, NICKNAME])


def test_values_that_do_not_fit_into_one_request_are_refused() -> None:
    essay = NICKNAME._replace(unique=None, text=TEXT._replace(maximum=5_000))
    with pytest.raises(DeclarationError, match="MAXIMUM_BODY_BYTES"):
        check_declarations([*ATTRIBUTES, essay])

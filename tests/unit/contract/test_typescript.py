from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from contract.typescript import UnsupportedSchemaError, typescript_interface


class Book(BaseModel):
    title: str


class Shelf(BaseModel):
    """A shelf */ of books."""

    model_config = ConfigDict(alias_generator=to_camel)

    shelf_name: str = Field(description="What it\nis called.")
    width: float
    full: bool
    owner: str | None
    material: Literal["oak", "pine"]
    kind: Literal["shelf"]
    books: list[Book]
    by_title: dict[str, Book]
    note: Any
    colour: str = "brown"


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    books: int


class Room(BaseModel):
    shelves: tuple[str, int]


def interface(model: type[BaseModel]) -> str:
    return typescript_interface(model.__name__, model.model_json_schema(by_alias=True, mode="serialization"))


def test_each_field_becomes_a_readonly_property_under_its_alias() -> None:
    assert interface(Shelf) == (
        "/** A shelf * / of books. */\n"
        "export interface Shelf {\n"
        "  /** What it is called. */\n"
        "  readonly shelfName: string;\n"
        "  readonly width: number;\n"
        "  readonly full: boolean;\n"
        "  readonly owner: string | null;\n"
        '  readonly material: "oak" | "pine";\n'
        '  readonly kind: "shelf";\n'
        "  readonly books: ReadonlyArray<Book>;\n"
        "  readonly byTitle: Readonly<Record<string, Book>>;\n"
        "  readonly note: unknown;\n"
        "  readonly colour?: string;\n"
        "}\n"
    )


def test_an_object_that_may_have_other_members_says_so() -> None:
    assert interface(Open).endswith("  readonly books: number;\n  readonly [name: string]: unknown;\n}\n")


def test_a_member_without_a_typescript_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedSchemaError, match="shelves"):
        interface(Room)

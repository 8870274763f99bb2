from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from contract.files import NotFlatError, typescript_interface


class Shelf(BaseModel):
    """A shelf */ of books."""

    model_config = ConfigDict(alias_generator=to_camel)

    shelf_name: str = Field(description="What it\nis called.")
    books: int
    width: float
    full: bool
    owner: str | None
    material: Literal["oak", "pine"]
    colour: str = "brown"


class Room(BaseModel):
    shelves: list[str]


def test_each_field_becomes_a_readonly_property_under_its_alias() -> None:
    assert typescript_interface(Shelf) == (
        "/** A shelf * / of books. */\n"
        "export interface Shelf {\n"
        "  /** What it is called. */\n"
        "  readonly shelfName: string;\n"
        "  readonly books: number;\n"
        "  readonly width: number;\n"
        "  readonly full: boolean;\n"
        "  readonly owner: string | null;\n"
        '  readonly material: "oak" | "pine";\n'
        "  readonly colour?: string;\n"
        "}\n"
    )


def test_a_field_that_is_not_a_primitive_is_refused_by_name() -> None:
    with pytest.raises(NotFlatError, match="shelves"):
        typescript_interface(Room)

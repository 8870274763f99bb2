"""Every property exists, is set where it must be, and is of its type, nested ones too."""

from collections.abc import Iterator

from guardrails.aws_types import UnknownResourceTypeError, input_problems
from guardrails.resource import Resource, ResourceRule, Rule


def _properties_fit_their_types(resource: Resource) -> Iterator[str]:
    if not resource.type.startswith("aws:"):
        return
    try:
        for problem in input_problems(resource.type, resource.properties):
            yield f"{problem.path}: {problem.reason}"
    except UnknownResourceTypeError as error:
        yield str(error)


RULES: list[Rule] = [
    ResourceRule(
        name="properties-fit-their-types",
        description="A misspelt, missing or mistyped property is found without an account.",
        types=frozenset(),
        check=_properties_fit_their_types,
        takes_unknowns=True,
    )
]

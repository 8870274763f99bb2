"""What a user sees of a stack: its outputs, a line to copy, where to go on."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from local.state import LocalStack


def curl_line(stack: "LocalStack") -> str:
    """A registration to copy into a shell: the first time 201, then 409."""
    body = '{"name": "Alice", "email": "alice@example.com", "username": "alice"}'
    return f"curl -i {stack.outputs.api_url}/register -H 'content-type: application/json' -d '{body}'"


def print_outputs(console: Console, stack: "LocalStack") -> None:
    """The stack's outputs, a line each; a value is never broken, so that it can be copied."""
    values = stack.outputs.model_dump(by_alias=True)
    width = max(map(len, values))
    for name, value in values.items():
        line = Text(f"{name:<{width}}  ", style="dim").append("" if value is None else str(value), style="not dim")
        console.print(line, soft_wrap=True)


def print_ready(console: Console, stack: "LocalStack", resources: int, seconds: float) -> None:
    """All there is to know once the stack runs."""
    console.print(f"[green]✓[/] {resources} resources deployed, ready after {seconds:.1f} s\n")
    print_outputs(console, stack)
    console.print("\nRegister a user:\n")
    # As it is, on one line however narrow the terminal: it is there to be copied.
    console.print(curl_line(stack), style="bold", soft_wrap=True, highlight=False, markup=False)
    console.print(f"\nOr in a browser: [bold]{stack.outputs.website_url}[/]\n", highlight=False)

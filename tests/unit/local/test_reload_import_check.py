import io
import zipfile

import pytest

from infra.packaging import package_bytes
from local.reload import import_problem


def package(handler: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("functions/greet/handler.py", handler)
    return content.getvalue()


def test_a_handler_that_can_be_imported_has_no_problem() -> None:
    assert import_problem("greet", package("def handler(event, context):\n    return 1\n")) is None
    assert import_problem("rescue_failed_batches", package_bytes("rescue_failed_batches", "host")) is None


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        ("def handler(:\n", "SyntaxError"),
        ("import nowhere\n", "ModuleNotFoundError: No module named 'nowhere'"),
        ("x = 1\n", "has no attribute 'handler'"),
        ("raise SystemExit('no')\n", "no"),
        ("import os; os._exit(3)\n", "it ended without output"),
    ],
)
def test_a_problem_names_the_error_and_its_place(handler: str, said: str) -> None:
    problem = import_problem("greet", package(handler))
    assert problem is not None
    assert said in problem
    assert "/tmp" not in problem  # noqa: S108  the place is the user's, not where it was unpacked


def test_a_handler_cannot_import_the_project_as_it_cannot_in_lambda() -> None:
    assert import_problem("greet", package("import infra\ndef handler(e, c): ...\n")) is not None

import subprocess
import sys

import pytest

from infra.naming import PROJECT_ROOT


@pytest.mark.parametrize(
    "module", ["infra.naming", "infra.outputs", "infra.settings.model", "infra.settings.check", "infra.site_config"]
)
def test_the_contracts_do_not_import_pulumi(module: str) -> None:
    # The command lines and the page's server import them, and Pulumi takes seconds to import.
    program = f"import sys, {module}; sys.exit('pulumi' in sys.modules)"

    subprocess.run([sys.executable, "-c", program], cwd=PROJECT_ROOT, check=True)

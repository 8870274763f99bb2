"""Ctrl-C while a program still loads what it is made of."""

import subprocess
import sys

import pytest

from infra.naming import PROJECT_ROOT

INTERRUPTED = 130

START = """
import runpy, sys

class CtrlC:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "click":
            raise KeyboardInterrupt

sys.meta_path.insert(0, CtrlC)
runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("program", ["local", "local.engine", "ops"])
def test_ctrl_c_while_a_program_starts_ends_it_without_a_word(program: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", START, program], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (INTERRUPTED, "", "")

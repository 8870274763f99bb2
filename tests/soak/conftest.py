"""The options of `make soak`."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Define how many changes are soaked, and which ones."""
    soak = parser.getgroup("soak")
    soak.addoption("--records", type=int, metavar="N", help="changes in all (8,000; make soak: 1,000,000)")
    soak.addoption("--seed", type=int, metavar="S", help="another seed makes other changes and faults (1)")
    soak.addoption("--round", type=int, metavar="K", help="this round alone")

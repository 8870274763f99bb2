"""Write the table of functions/users/confusables.py from Unicode's confusables.txt.

`python -m ops.generate_confusables confusables.txt`, with the file from
https://www.unicode.org/Public/security/latest/. Then `python -m ops verify --repair` in each stack:
docs/extending.md.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import wrap
from unicodedata import category, is_normalized

from infra.naming import PROJECT_ROOT

MODULE = PROJECT_ROOT / "functions" / "users" / "confusables.py"

_VERSION = re.compile(r"^# Version: ([0-9.]+)$", re.MULTILINE)
_ENTRY = re.compile(r"^\s*([0-9A-F]+)\s*;\s*([0-9A-F ]+?)\s*;\s*MA\b", re.MULTILINE)
_OLD_VERSION = re.compile(r'^UNICODE_VERSION = ".*"$', re.MULTILINE)
_OLD_TABLE = re.compile(r'^_TABLE = """.*?"""$', re.MULTILINE | re.DOTALL)
_WIDTH = 100


def entries(confusables: str) -> Iterator[tuple[str, str]]:
    """Yield each character of the file that a skeleton meets, with its prototype.

    A skeleton is made of the NFD of a compatibility form, of letters, marks and digits. Characters
    that this Python doesn't know yet count as such.
    """
    for source, prototype in _ENTRY.findall(confusables):
        character = chr(int(source, 16))
        is_met = category(character)[0] in "LM" or category(character) in {"Nd", "Cn"}
        if is_met and is_normalized("NFKD", character):
            yield character, "".join(chr(int(code, 16)) for code in prototype.split())


def table(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the lines of the table: a prototype, a colon, and what looks like it."""
    alike: dict[str, list[str]] = defaultdict(list)
    for character, prototype in pairs:
        alike[" ".join(f"{ord(each):x}" for each in prototype)].append(f"{ord(character):x}")
    lines = [f"{prototype}: {' '.join(characters)}" for prototype, characters in alike.items()]
    return "".join(f"{part}\n" for part in wrap("; ".join(lines), _WIDTH, break_on_hyphens=False))


def with_table(module: str, confusables: str) -> str:
    """Return the module's source with the version and the table of the file."""
    version = _VERSION.search(confusables)
    pairs = [*entries(confusables)]
    if version is None or not pairs:
        raise ValueError("this is no confusables.txt: it has no version or no entry")
    module = _OLD_VERSION.sub(f'UNICODE_VERSION = "{version[1]}"', module)
    return _OLD_TABLE.sub(f'_TABLE = """\\n{table(pairs)}"""', module)


def main(arguments: list[str]) -> None:
    """Write the table; exit with a sentence if that fails."""
    if len(arguments) != 1:
        sys.exit("usage: python -m ops.generate_confusables CONFUSABLES.TXT")
    try:
        confusables = Path(arguments[0]).read_text(encoding="utf-8-sig")
        MODULE.write_text(with_table(MODULE.read_text(encoding="utf-8"), confusables), encoding="utf-8")
    except (OSError, ValueError) as error:
        sys.exit(f"{arguments[0]}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])

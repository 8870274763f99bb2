"""The emulator's root keys: drawn, and kept for this user."""

import re
from pathlib import Path

from local.root_keys import RootKeys, read_root_keys, write_root_keys


def test_drawn_keys_have_the_form_of_awss_and_are_never_the_same() -> None:
    drawn = {RootKeys.draw() for _ in range(100)}

    assert len({keys.access_key_id for keys in drawn}) == len({keys.secret_access_key for keys in drawn}) == 100
    assert all(re.fullmatch("AKIA[A-Z2-7]{16}", keys.access_key_id) for keys in drawn)
    assert all(len(keys.secret_access_key) == 40 for keys in drawn)


def test_kept_keys_are_for_this_user_only(tmp_path: Path) -> None:
    assert read_root_keys(tmp_path) is None
    for _ in range(2):
        keys = RootKeys.draw()
        write_root_keys(tmp_path, keys)
        assert read_root_keys(tmp_path) == keys
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o077 == 0

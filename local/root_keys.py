"""The emulator's root keys: drawn for each emulator, so that no one else knows them."""

import base64
import json
import secrets
from pathlib import Path
from typing import NamedTuple

_ID_BYTES = 10  # 16 characters in base32, as in AWS's ids
_SECRET_BYTES = 30  # 40 characters in base64, as in AWS's secrets
_FILE = "root_keys.json"


class RootKeys(NamedTuple):
    """An access key of the emulator's root user, who may do everything."""

    access_key_id: str
    secret_access_key: str

    @classmethod
    def draw(cls) -> "RootKeys":
        """Return new keys, in the form of AWS's own."""
        drawn_id = base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode()
        return cls(f"AKIA{drawn_id}", secrets.token_urlsafe(_SECRET_BYTES))


def write_root_keys(directory: Path, keys: RootKeys) -> None:
    """Keep an emulator's keys for other commands of this user."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / _FILE
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(json.dumps(keys._asdict()), encoding="utf-8")


def read_root_keys(directory: Path) -> RootKeys | None:
    """Return the keys that are kept in a directory, if any."""
    try:
        return RootKeys(**json.loads((directory / _FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None

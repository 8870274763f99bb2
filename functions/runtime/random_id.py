"""Random ids as `uuid.uuid4` makes them; to load the module uuid takes longer than a call."""

import os


def random_id() -> str:
    """Return a random UUID as text (RFC 9562, version 4)."""
    octets = bytearray(os.urandom(16))
    octets[6], octets[8] = octets[6] & 0x0F | 0x40, octets[8] & 0x3F | 0x80
    text = octets.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

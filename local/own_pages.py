"""Which requests of a browser come through: to this machine's name, from a server's own pages."""

import re
from collections.abc import Mapping

_OWN_RELATIONS = frozenset({"same-origin", "none"})
_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost)(?::\d{1,5})?", re.ASCII | re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Say whether a Host header names this machine, on any port.

    A page whose own name was turned to 127.0.0.1 (DNS rebinding) sends that name. The port says
    nothing: a proxy before the server has another.
    """
    return _LOOPBACK.fullmatch(host) is not None


def is_of_another_site(headers: Mapping[str, str], origin: str) -> bool:
    """Say whether a browser sent the request for a page of another origin.

    Browsers name the page's origin with each request that a script may read the answer of, and
    newer ones the relation of the two with every request.
    Source: Fetch standard, "Origin header"; Fetch Metadata Request Headers, "Sec-Fetch-Site".
    """
    lower = {name.lower(): value for name, value in headers.items()}
    return lower.get("origin", origin) != origin or lower.get("sec-fetch-site", "none") not in _OWN_RELATIONS

"""A `UserKeysTable` over a dict; test_claim_keys_on_dynamodb tests it like the real table."""

from collections.abc import Callable, Mapping, Sequence

from functions.stream_records.attribute_values import Image
from ops.aws.tables import ClaimRefusal, KeyClaim, UserKeysTable


class UserKeysInMemory(UserKeysTable):
    """Keys and their owners.

    Args:
        keys: The table.
        stored: Returns a user as stored now, or None if there is none.
        before: Called before each read and each write: what others do meanwhile, or the end of this
            process.
    """

    def __init__(
        self, keys: dict[str, str], stored: Callable[[str], Image | None], before: Callable[[], None] = lambda: None
    ) -> None:
        self._keys = keys
        self._stored = stored
        self._before = before

    def owners(self, keys: Sequence[str]) -> Mapping[str, str]:
        self._before()
        return {key: self._keys[key] for key in keys if key in self._keys}

    def claim(self, claims: Sequence[KeyClaim]) -> Sequence[ClaimRefusal | None]:
        return [self._claim(claim) for claim in claims]

    def _claim(self, claim: KeyClaim) -> ClaimRefusal | None:
        self._before()
        stored = self._stored(claim.user_id) or {}
        fits = bool(stored) and all(stored.get(name) == {"S": text} for name, text in claim.values.items())
        held = {name: self._keys.get(key, claim.user_id) for name, key in claim.keys.items()}
        others = {name: holder for name, holder in held.items() if holder != claim.user_id}
        if not fits or others:
            return ClaimRefusal(None if fits else stored, others)
        self._keys.update(dict.fromkeys(claim.keys.values(), claim.user_id))
        return None

"""The aliases of functions as Lambda keeps them, with a process that can be killed at any call."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ops.aws.aliases import Alias, ChangedMeanwhileError
from ops.aws.release_record import Record, read_record

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Killed(BaseException):
    """The process ended here."""


@dataclass
class AliasesInMemory:
    """Functions with their versions; `calls_left` counts down to a kill before or after a call.

    Args:
        functions: with the number of published versions of each; the first is live.
    """

    functions: dict[str, int]

    def __post_init__(self) -> None:
        self.now = BEGAN
        self.aliases = {
            name: Alias(function=name, version="1", shares={}, record=None, revision="0", read_at=BEGAN)
            for name in self.functions
        }
        self.history: list[Alias] = list(self.aliases.values())
        self.calls_left: int | None = None

    def read(self, function: str) -> Alias:
        self._call()
        return replace(self.aliases[function], read_at=self.now)

    def versions(self, function: str) -> list[str]:
        self._call()
        return [str(number) for number in range(1, self.functions[function] + 1)]

    def update(self, alias: Alias, version: str, shares: dict[str, float], record: Record) -> None:
        self._call()
        current = self.aliases[alias.function]
        if alias.revision != current.revision:
            raise ChangedMeanwhileError(alias.function)
        # Source: Lambda API reference, "UpdateAlias" and "AliasRoutingConfiguration".
        assert version not in shares
        assert all(0 < share < 1 for share in shares.values())
        assert {version, *shares} <= {str(number) for number in range(1, self.functions[alias.function] + 1)}
        text = record.to_text()
        assert len(text) <= 256
        revision = str(int(current.revision) + 1)
        self.aliases[alias.function] = replace(
            current, version=version, shares=shares, record=read_record(text), revision=revision
        )
        self.history.append(self.aliases[alias.function])
        self._call(after=True)

    def live(self) -> dict[str, str]:
        """Return each function's version that has all traffic; fail if one has less."""
        assert not [alias for alias in self.aliases.values() if alias.shares]
        return {name: alias.version for name, alias in self.aliases.items()}

    def _call(self, *, after: bool = False) -> None:
        self.now += timedelta(seconds=0 if after else 1)
        if self.calls_left is not None:
            if self.calls_left == 0:
                raise Killed
            self.calls_left -= 1

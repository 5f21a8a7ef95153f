"""Latency beyond the distance: what was measured of a provider or host on top of the round trip between regions.

Nothing seeds it and nothing is guessed: where nobody has measured, it adds 0.
"""

SMOOTHING = 0.2
"""Weight of the newest measurement; a change is believed for the most part after ten."""


class MeasuredLatency:
    """Moving averages in ms, by host where hosts are named, else by provider. In memory; a restart forgets."""

    def __init__(self) -> None:
        self._extra: dict[tuple[str, str | None], float] = {}
        self._version = 0

    @property
    def version(self) -> int:
        """Changes with every measurement."""
        return self._version

    def observe(self, provider: str, host: str | None, *, measured_ms: float, expected_ms: float) -> None:
        """One round trip that an instance reported or a probe took; `expected_ms` is the table's for that way.

        Faster than the table counts as nothing extra: the table's median is not undercut by one good moment.
        """
        extra = max(0.0, measured_ms - expected_ms)
        for key in {(provider, host), (provider, None)}:
            before = self._extra.get(key)
            self._extra[key] = extra if before is None else before + SMOOTHING * (extra - before)
        self._version += 1

    def extra_ms(self, provider: str, host: str | None) -> float:
        """Of the host, else of the provider as a whole; 0 where nothing was measured."""
        known = self._extra.get((provider, host))
        return self._extra.get((provider, None), 0.0) if known is None else known

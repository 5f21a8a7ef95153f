"""Who is it? From the headers of a request to its Caller, or to a refusal."""

from dataclasses import replace

from starlette.datastructures import Headers

from aurora.api.access import AccessPolicy, AccessRefused, bearer, is_metered
from aurora.api.ports import Doors
from aurora.domain.api_key import ApiKey
from aurora.domain.audit import Trail
from aurora.domain.clock import Clock
from aurora.domain.errors import DatabaseUnavailable
from aurora.domain.tenant import granted
from aurora.services.ports import Caller


class Admission:
    """A presented key must be right, even where none is needed: a script with a stale key should learn so."""

    def __init__(self, policy: AccessPolicy, doors: Doors, *, clock: Clock) -> None:
        self._policy = policy
        self._doors = doors
        self._clock = clock

    async def admit(
        self, method: str, path: str, headers: Headers, *, address: str, trail: Trail | None = None
    ) -> Caller:
        """The caller, counted. Raises AccessRefused, InboundLimit, and DatabaseUnavailable for an unknown key."""
        presented = headers.get("authorization")
        if presented is None:
            caller = self._policy.without_key(method, path, headers)
        else:
            caller = await self._holder(presented, address, public=self._policy.is_public(method, path))
        if is_metered(path):
            # Strangers share no tenant's rate: each address has one of its own.
            self._doors.pass_one(caller.tenant if caller.scopes else f"address {address}")
        return caller if trail is None else replace(caller, trail=trail)

    async def _holder(self, presented: str, address: str, *, public: bool) -> Caller:
        secret = bearer(presented)
        if secret is not None and self._policy.is_admin(secret):
            return Caller(actor="admin")
        try:
            key = await self._doors.holder(secret or "", address=address)
        except DatabaseUnavailable:
            if public:  # a probe that carries a key must not find us dead because the database is
                return Caller(scopes=frozenset())
            raise
        if key is None:
            raise AccessRefused(401, "unauthenticated", "the presented key is not valid")
        return self._caller(key)

    def _caller(self, key: ApiKey) -> Caller:
        caller = Caller(key.tenant, key.id, granted(key.scopes))
        ended = key.ended(self._clock.now())
        if ended is not None:
            nobody = replace(caller, scopes=frozenset())
            raise AccessRefused(401, "unauthenticated", f"the presented key is {ended}", caller=nobody)
        return caller

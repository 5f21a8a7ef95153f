"""Keys of tenants: made, shown once, replaced, ended; and the book that every request looks into."""

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.database import Database
from aurora.db.repositories import api_keys as rows
from aurora.db.repositories import audit
from aurora.domain.api_key import ApiKey
from aurora.domain.audit import AuditAction
from aurora.domain.clock import Clock
from aurora.domain.errors import Conflict, InvalidRequest, NotFound
from aurora.domain.tenant import Scope
from aurora.services.audit import entry
from aurora.services.book import Book, BookPolicy
from aurora.services.intent import new_id
from aurora.services.ports import Caller

PREFIX = "aur_"
_SECRET = re.compile(r"aur_[A-Za-z0-9_-]{43}")
_RANDOM_BYTES = 32
_HINT = 4
_LONGEST_NAME = 120
_CREATED = 201
KNOWN_S = 60.0
"""A key that was good is believed for so long while the database is away."""
MOST_OVERLAP_S = 30 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key with its secret, which is nowhere else."""

    key: ApiKey
    secret: str

    def __repr__(self) -> str:
        return f"NewKey({self.key.id})"


@dataclass(frozen=True, slots=True)
class KeyWish:
    """What a new key should be."""

    name: str
    scopes: frozenset[str]
    expires_at: datetime | None = None


def digest_of(secret: str) -> str | None:
    """SHA-256 of what may be a key of ours; None for what cannot be one.

    A plain digest suffices: the secret is 256 random bits, so there is nothing to guess, and what is looked up
    tells a measuring attacker about the digest only.
    """
    return hashlib.sha256(secret.encode()).hexdigest() if _SECRET.fullmatch(secret) else None


class KeyBook:
    """Keys by their digest. When they were used is gathered here and written by `flush`."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._book: Book[ApiKey] = Book(self._read, clock=clock, policy=BookPolicy(max_age_s=KNOWN_S))
        self._digests: dict[str, str] = {}
        self._used: dict[str, datetime] = {}

    def known(self, digest: str) -> ApiKey | None:
        """What memory knows of it; ended ones too."""
        return self._book.peek(digest)

    async def find(self, digest: str) -> ApiKey | None:
        """Raises DatabaseUnavailable for what is not known and cannot be read."""
        return await self._book.get(digest)

    def use(self, key: ApiKey) -> None:
        """It has just opened something."""
        self._used[key.id] = self._clock.now()

    def forget(self, *key_ids: str) -> None:
        """They were changed here: from now on the database is asked again."""
        self._book.forget(*(self._digests.pop(key_id) for key_id in key_ids if key_id in self._digests))

    async def refresh(self) -> None:
        """Notice what other processes changed. Raises DatabaseUnavailable."""
        await self._book.refresh()

    async def flush(self) -> None:
        """Write when keys were last used, in one transaction. Raises DatabaseUnavailable; nothing is lost then."""
        if not self._used:
            return
        used, self._used = self._used, {}
        try:
            async with self._database.write() as connection:
                await rows.used(connection, used)
        except BaseException:
            self._used = {**used, **self._used}
            raise

    async def _read(self, digests: Sequence[str]) -> Mapping[str, ApiKey]:
        async with self._database.read() as connection:
            found = await rows.by_digest(connection, digests)
        self._digests |= {key.id: digest for digest, key in found.items()}
        return found


class KeyDesk:
    """Every change is committed together with its row in the audit log."""

    def __init__(self, database: Database, book: KeyBook, *, clock: Clock) -> None:
        self._database = database
        self._book = book
        self._clock = clock

    async def create(self, tenant: str, wish: KeyWish, *, caller: Caller) -> NewKey:
        """Raises InvalidRequest, NotFound for an unknown tenant."""
        self._check(wish)
        made = self._made(tenant, wish, caller)
        try:
            async with self._database.write() as connection:
                await rows.add(connection, made.key, digest=_digest(made.secret))
                await self._account(connection, AuditAction.KEY_CREATE, made.key, caller, status=_CREATED)
        except IntegrityError as exc:
            raise NotFound(f"no tenant {tenant}") from exc
        caller.trail.written = True
        self._book.forget()
        return made

    async def of_tenant(self, tenant: str) -> Sequence[ApiKey]:
        """Newest first, the ended ones too."""
        async with self._database.read() as connection:
            return await rows.of_tenant(connection, tenant)

    async def get(self, key_id: str) -> ApiKey:
        """Raises NotFound."""
        async with self._database.read() as connection:
            return _found(await rows.find(connection, key_id), key_id)

    async def revoke(self, key_id: str, *, caller: Caller) -> ApiKey:
        """It opens nothing from now on, here at once. Idempotent. Raises NotFound."""
        async with self._database.write() as connection:
            key = _found(await rows.lock(connection, key_id), key_id)
            await rows.revoke(connection, key_id, at=self._clock.now())
            ended = _found(await rows.find(connection, key_id), key_id)
            await self._account(connection, AuditAction.KEY_REVOKE, key, caller)
        caller.trail.written = True
        self._book.forget(key_id)
        return ended

    async def rotate(self, key_id: str, *, overlap_s: float, caller: Caller) -> NewKey:
        """A new secret with the same rights; the old one ends after `overlap_s`, or when it would have anyway.

        A key that had an end gets one as far away as the old one had from its beginning. Raises NotFound, and
        Conflict for a key that has ended.
        """
        if not 0 <= overlap_s <= MOST_OVERLAP_S:
            raise InvalidRequest("overlap_seconds", f"must be from 0 to {MOST_OVERLAP_S:.0f}")
        now = self._clock.now()
        async with self._database.write() as connection:
            old = _found(await rows.lock(connection, key_id), key_id)
            ended = old.ended(now)
            if ended is not None:
                raise Conflict(f"{key_id} is {ended}; make a new key instead", code="key_ended")
            life = None if old.expires_at is None else now + (old.expires_at - old.created_at)
            made = self._made(old.tenant, KeyWish(old.name, old.scopes, life), caller, rotated_from=old.id)
            await rows.add(connection, made.key, digest=_digest(made.secret))
            await rows.expire(connection, old.id, at=now + timedelta(seconds=overlap_s))
            await self._account(connection, AuditAction.KEY_ROTATE, made.key, caller, status=_CREATED)
        caller.trail.written = True
        self._book.forget(key_id)
        return made

    def _check(self, wish: KeyWish) -> None:
        if not 0 < len(wish.name.strip()) <= _LONGEST_NAME:
            raise InvalidRequest("name", f"must have 1 to {_LONGEST_NAME} characters")
        if not wish.scopes or not wish.scopes <= set(Scope):
            raise InvalidRequest("scopes", f"must be some of {', '.join(Scope)}")
        if wish.expires_at is not None and wish.expires_at <= self._clock.now():
            raise InvalidRequest("expires_at", "must be in the future")

    def _made(self, tenant: str, wish: KeyWish, caller: Caller, *, rotated_from: str | None = None) -> NewKey:
        secret = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        key = ApiKey(
            id=new_id("key"),
            tenant=tenant,
            name=wish.name.strip(),
            hint=f"{PREFIX}...{secret[-_HINT:]}",
            scopes=wish.scopes,
            created_at=self._clock.now(),
            created_by=caller.actor,
            expires_at=wish.expires_at,
            rotated_from=rotated_from,
        )
        return NewKey(key, secret)

    async def _account(
        self,
        connection: AsyncConnection,
        action: AuditAction,
        key: ApiKey,
        caller: Caller,
        *,
        status: int = 200,
    ) -> None:
        data = {"name": key.name, "scopes": sorted(key.scopes), "rotated_from": key.rotated_from}
        row = entry(caller, action, at=self._clock.now(), target=key.id, status=status, data=data)
        await audit.add(connection, replace(row, tenant=key.tenant))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _found(key: ApiKey | None, key_id: str) -> ApiKey:
    if key is None:
        raise NotFound(f"no key {key_id}")
    return key

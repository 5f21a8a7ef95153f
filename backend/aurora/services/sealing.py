"""Workload secrets at rest: env and registry login are stored only encrypted."""

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from aurora.domain.errors import AuroraError
from aurora.domain.request import Workload

_WRONG_KEY = "SECRET_KEY is not the one that this deployment was stored with"


class SealBroken(AuroraError):
    """What was stored cannot be opened with the present SECRET_KEY."""

    code = "seal_broken"


class Sealer:
    """Fernet (AES-128-CBC with HMAC-SHA256) under a key derived from SECRET_KEY.

    `previous` only opens: what was sealed before SECRET_KEY was changed stays readable until it is sealed again.
    """

    def __init__(self, secret: str, previous: str | None = None) -> None:
        self._present = _fernet(secret)
        self._fernet = MultiFernet([self._present, *([] if previous is None else [_fernet(previous)])])
        self._without_secrets = self._sealed({"env": {}, "registry_login": None})

    def seal(self, workload: Workload) -> str:
        """The secret parts of a workload as one opaque text; the same for all that have none."""
        if not workload.env and workload.registry_login is None:
            return self._without_secrets
        return self._sealed({"env": dict(workload.env), "registry_login": workload.registry_login})

    def _sealed(self, secrets: Mapping[str, Any]) -> str:
        return self._fernet.encrypt(json.dumps(secrets).encode()).decode()

    def open(self, sealed: str, workload: Workload) -> Workload:
        """`workload` with its secret parts put back. Raises SealBroken."""
        try:
            secrets = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken as exc:
            raise SealBroken(_WRONG_KEY) from exc
        return replace(workload, env=secrets["env"], registry_login=secrets["registry_login"])

    def resealed(self, sealed: str) -> str | None:
        """The same under SECRET_KEY; None when it is already. Raises SealBroken when no key of ours opens it."""
        try:
            self._present.decrypt(sealed.encode())
        except InvalidToken:
            pass
        else:
            return None
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken as exc:
            raise SealBroken(_WRONG_KEY) from exc

    def opens(self, sealed: str) -> bool:
        """Is it readable with one of our keys?"""
        try:
            self._fernet.decrypt(sealed.encode())
        except InvalidToken:
            return False
        return True


@lru_cache(maxsize=4)  # slow on purpose, and the same for a process' whole life
def _fernet(secret: str) -> Fernet:
    derived = hashlib.scrypt(secret.encode(), salt=b"aurora-workload-v1", n=2**14, r=8, p=1, dklen=32)
    return Fernet(base64.urlsafe_b64encode(derived))


def own_secret(path: Path) -> str:
    """The emulated mode's own key: made once, readable by the owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = base64.urlsafe_b64encode(os.urandom(32)).decode()
        handle, written = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(handle, "w") as file:
            file.write(fresh)
        # Of two first starts one wins, and nobody ever reads half a key.
        with suppress(FileExistsError):
            os.link(written, path)
        Path(written).unlink()
    return path.read_text().strip()

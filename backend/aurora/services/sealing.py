"""Workload secrets at rest: env and registry login are stored only encrypted."""

import base64
import hashlib
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from aurora.domain.errors import AuroraError
from aurora.domain.request import Workload


class SealBroken(AuroraError):
    """What was stored cannot be opened with the present SECRET_KEY."""

    code = "seal_broken"


class Sealer:
    """Fernet (AES-128-CBC with HMAC-SHA256) under a key derived from SECRET_KEY."""

    def __init__(self, secret: str) -> None:
        derived = hashlib.scrypt(secret.encode(), salt=b"aurora-workload-v1", n=2**14, r=8, p=1, dklen=32)
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, workload: Workload) -> str:
        """The secret parts of a workload as one opaque text."""
        secrets = {"env": dict(workload.env), "registry_login": workload.registry_login}
        return self._fernet.encrypt(json.dumps(secrets).encode()).decode()

    def open(self, sealed: str, workload: Workload) -> Workload:
        """`workload` with its secret parts put back. Raises SealBroken."""
        try:
            secrets = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken as exc:
            detail = "SECRET_KEY is not the one that this deployment was stored with"
            raise SealBroken(detail) from exc
        return replace(workload, env=secrets["env"], registry_login=secrets["registry_login"])


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

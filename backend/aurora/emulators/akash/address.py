"""Akash addresses: bech32 texts with a right checksum, made from a seed."""

import hashlib

_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_PREFIX = "akash"
_PREFIX_VALUES = [*(ord(letter) >> 5 for letter in _PREFIX), 0, *(ord(letter) & 31 for letter in _PREFIX)]
_LENGTH = 44


def address(*seed: object) -> str:
    """A valid address; the same seed, the same address."""
    digest = hashlib.sha256(":".join(map(str, seed)).encode()).digest()[:20]
    bits = int.from_bytes(digest)
    values = [bits >> shift & 31 for shift in range(155, -1, -5)]
    check = _checksum([*_PREFIX_VALUES, *values, *[0] * 6]) ^ 1
    values += [check >> shift & 31 for shift in range(25, -1, -5)]
    return f"{_PREFIX}1" + "".join(_LETTERS[value] for value in values)


def is_address(text: str) -> bool:
    if not text.startswith(f"{_PREFIX}1") or len(text) != _LENGTH:
        return False
    body = text[len(_PREFIX) + 1 :]
    return all(letter in _LETTERS for letter in body) and (
        _checksum([*_PREFIX_VALUES, *(_LETTERS.index(letter) for letter in body)]) == 1
    )


def _checksum(values: list[int]) -> int:
    total = 1
    for value in values:
        top = total >> 25
        total = (total & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATORS):
            total ^= generator if top >> place & 1 else 0
    return total

"""The address of an API as people write it, checked before anything is sent there."""

from collections.abc import Collection
from urllib.parse import urlsplit

from aurora.providers import targets


def checked_address(text: str, *, what: str, example: str, websites: Collection[str] = ()) -> str:
    """Scheme, host and path without a slash at the end. Raises ValueError with one line that says what is wrong.

    `what` names the address in that line; `websites` are hosts with pages for people.
    """
    address = text.strip()
    if "@" in address.partition("//")[2].partition("/")[0]:
        raise ValueError(f"the {what} must not contain a login")
    target = targets.origin(address)
    if target is None:
        raise ValueError(f"the {what} must be an http(s) address such as {example}")
    parts = urlsplit(address)
    if parts.query or parts.fragment:
        raise ValueError(f"the {what} must end with its path, as in {example}: no '?' or '#'")
    if target[1] in websites:
        raise ValueError(f"{target[1]} is a website; the {what} is {example}")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"

"""The body of a create call, read and checked (contract, section 5)."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aurora.emulators.vastai.offer import money
from aurora.emulators.vastai.workload import Workload

MIN_DISK_GB = 8
_DEFAULT_DISK_GB = 8.0
_MAX_ITEM, _MAX_ENV = 256, 32_768  # characters per name or value, and in all
_MAX_PORTS = 64
_MAX_IMAGE, _MAX_LABEL, _MAX_COMMAND = 1024, 256, 4096
_MIN_PRICE, _MAX_PRICE = Decimal("0.001"), Decimal(128)  # USD per hour and machine
_PORT_KEY = re.compile(r"-p\s+(?:\d+:)?(\d+)(?:/(tcp|udp))?")


class BadOrder(ValueError):
    """The order is refused; `code` is the provider's error code."""

    def __init__(self, reason: str, code: str = "invalid_args") -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to run. `price` is the bid in USD per hour for the whole offer, None for on-demand; `disk_gb` is fixed for life."""

    image: str
    env: Sequence[tuple[str, str]]
    disk_gb: float
    label: str | None
    runtype: str
    args: Sequence[str]
    onstart: str | None
    price: Decimal | None
    start_stopped: bool
    cancel_unavail: bool

    @property
    def workload(self) -> Workload:
        if self.runtype != "args":  # ssh and jupyter keep the container up whatever onstart does
            return Workload(self.image, ("sleep", "infinity"))
        entrypoint = shlex.split(self.onstart or "")
        return Workload(self.image, (*entrypoint, *self.args))

    @property
    def env_names(self) -> Sequence[str]:
        return [name for name, _ in self.env if not name.startswith("-")]

    @property
    def ports(self) -> Sequence[tuple[int, str]]:
        """Container ports to publish, with their protocol; the access ports of the run type included."""
        found = [_PORT_KEY.fullmatch(name) for name, _ in self.env]
        asked = [(int(match[1]), match[2] or "tcp") for match in found if match]
        access = [(22, "tcp")] if "ssh" in self.runtype else []
        access += [(8080, "tcp")] if "jupyter" in self.runtype else []
        return list(dict.fromkeys(access + asked))


def parse_order(body: Mapping[str, Any]) -> Order:
    """Read a create body; both forms of `env` are accepted. Raises BadOrder."""
    price = _price(body.get("price"))
    args = _args(body)
    runtype = str(body.get("runtype") or ("args" if args else "ssh"))
    target = body.get("target_state") or "running"
    if target not in {"running", "stopped"}:
        raise BadOrder("Invalid args: target_state must be running or stopped")
    unavailable = body.get("cancel_unavail")
    order = Order(
        image=_image(body),
        env=_env(body.get("env")),
        disk_gb=_disk(body.get("disk")),
        label=_text(body, "label", limit=_MAX_LABEL),
        runtype=runtype,
        args=args,
        onstart=_text(body, "onstart", limit=_MAX_COMMAND),
        price=price,
        start_stopped=target == "stopped",
        cancel_unavail=price is None if unavailable is None else bool(unavailable),
    )
    _check_sizes(order)
    return order


def _check_sizes(order: Order) -> None:
    if sum(map(len, order.args)) + len(order.onstart or "") > _MAX_COMMAND:
        raise BadOrder(f"Invalid args: args and onstart exceed {_MAX_COMMAND} characters")
    if len(order.ports) > _MAX_PORTS:
        raise BadOrder(f"Invalid args: more than {_MAX_PORTS} ports")
    if any(len(part) > _MAX_ITEM for pair in order.env for part in pair):
        raise BadOrder(f"Invalid args: env item exceeds {_MAX_ITEM} characters")
    if sum(len(name) + len(value) for name, value in order.env) > _MAX_ENV:
        raise BadOrder(f"Invalid args: env exceeds {_MAX_ENV} characters")


def _image(body: Mapping[str, Any]) -> str:
    image = _text(body, "image", limit=_MAX_IMAGE)
    if not image and not body.get("template_hash_id"):
        raise BadOrder("Invalid args: image is required")
    return image or f"template/{body['template_hash_id']}"


def _text(body: Mapping[str, Any], name: str, *, limit: int) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > limit:
        raise BadOrder(f"Invalid args: {name} must be a string of at most {limit} characters")
    return value


def _disk(value: Any) -> float:
    disk = _number(_DEFAULT_DISK_GB if value is None else value, name="disk")
    if disk < MIN_DISK_GB:
        raise BadOrder(f"Invalid args: disk must be at least {MIN_DISK_GB} GB")
    return disk


def _price(value: Any) -> Decimal | None:
    if value is None:
        return None
    price = money(_number(value, name="price", code="invalid_price"))
    if not _MIN_PRICE <= price <= _MAX_PRICE:
        raise BadOrder(f"Invalid price: must be from {_MIN_PRICE} to {_MAX_PRICE}", "invalid_price")
    return price


def _number(value: Any, *, name: str, code: str = "invalid_args") -> float:
    try:
        return float("not a number" if isinstance(value, bool) else value)
    except (TypeError, ValueError):
        raise BadOrder(f"Invalid args: {name} must be a number", code) from None


def _args(body: Mapping[str, Any]) -> tuple[str, ...]:
    args, text = body.get("args"), body.get("args_str")
    if isinstance(args, list):
        return tuple(map(str, args))
    if args is not None and not isinstance(args, str):
        raise BadOrder("Invalid args: args must be a list")
    return tuple(_split(args or text or ""))


def _split(text: Any) -> list[str]:
    try:
        return shlex.split(str(text))
    except ValueError as exc:
        raise BadOrder(f"Invalid args: {exc}") from None


def _env(value: Any) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    if isinstance(value, dict):
        return tuple((str(name), str(text)) for name, text in value.items())
    if isinstance(value, str):
        return tuple(_flags(_split(value)))
    raise BadOrder("Invalid args: env must be an object or a string of docker flags")


def _flags(words: list[str]) -> list[tuple[str, str]]:
    """`-e A=B -p 80:80 -h name` as pairs, ports and other flags under keys of their own as the object form has them."""
    pairs: list[tuple[str, str]] = []
    rest = iter(words)
    for flag in rest:
        value = next(rest, None)
        if not flag.startswith("-") or value is None:
            raise BadOrder(f"Invalid args: env flag {flag} is not understood")
        if flag in {"-e", "--env"}:
            name, _, text = value.partition("=")
            pairs.append((name, text))
        else:
            pairs.append((f"{flag} {value}", "1"))
    return pairs

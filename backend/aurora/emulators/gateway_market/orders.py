"""The body of a create call, read and checked; every wrong field is named in one 422."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from aurora.emulators.exchange import Call
from aurora.emulators.gateway_market.replies import Refused, invalid
from aurora.emulators.jobs.job import Order
from aurora.emulators.workload import Workload

_RESTARTS = 5  # after so many failures even on_failure gives up
_MAX_IMAGE = 512

Text = Annotated[str, Field(strict=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Port(_Strict):
    container_port: StrictInt = Field(ge=1, le=65_535)
    protocol: Literal["http", "tcp"]


class _Registry(_Strict):
    server: Text
    username: Text
    password: Text = Field(repr=False)


class Wanted(_Strict):
    """Either one offer, or what to look for."""

    offer_id: Text | None = None
    gpu_model: Text | None = Field(default=None, min_length=1)
    gpu_count: StrictInt | None = Field(default=None, ge=1)
    min_vram_gb: StrictInt | None = Field(default=None, ge=0)
    region: Text | None = None


class JobOrder(_Strict):
    """As the contract has it (docs/gateway.md, section Create)."""

    name: Text = Field(min_length=1, max_length=63, pattern=r"^[a-z0-9-]+$")
    image: Text = Field(min_length=1, max_length=_MAX_IMAGE, pattern=r"^\S+$")
    registry_auth: _Registry | None = Field(default=None, repr=False)
    command: list[Text] | None = None
    args: list[Text] | None = None
    env: dict[Text, Text] = Field(default_factory=dict, repr=False)
    ports: list[_Port] = Field(default_factory=list, max_length=10)
    disk_gb: StrictInt = Field(default=20, ge=1)
    gpu: Wanted
    max_price_per_hour: Decimal | None = Field(default=None, ge=0, allow_inf_nan=False)
    max_duration_minutes: StrictInt | None = Field(default=None, ge=1)
    restart_policy: Literal["never", "on_failure"] = "never"
    labels: dict[
        Annotated[str, Field(strict=True, min_length=1, max_length=63)],
        Annotated[str, Field(strict=True, max_length=255)],
    ] = Field(default_factory=dict, max_length=16)

    def order(self) -> Order:
        minutes = self.max_duration_minutes
        return Order(
            name=self.name,
            workload=Workload(self.image, [*(self.command or ()), *(self.args or ())]),
            env_names=sorted(self.env),
            ports=[(port.container_port, port.protocol) for port in self.ports],
            disk_gb=self.disk_gb,
            labels=self.labels,
            run_s=None if minutes is None else minutes * 60,
            restarts=_RESTARTS if self.restart_policy == "on_failure" else 0,
        )


def document(call: Call) -> Any:
    """The body, which must be JSON and say so. Raises Refused."""
    kind = call.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused("bad_json", "Content-Type must be application/json")
    try:
        return json.loads(call.body)
    except ValueError:
        raise Refused("bad_json", "the body is not JSON") from None


def parse_order(body: Any) -> JobOrder:
    """Raises Refused with all wrong fields. What was sent is not repeated: it may hold secrets."""
    try:
        order = JobOrder.model_validate(body)
    except ValidationError as exc:
        errors = exc.errors(include_input=False, include_url=False, include_context=False)
        raise invalid([(_path(error["loc"]), str(error["msg"])) for error in errors]) from None
    _check_image(order.image)
    _check_wanted(order.gpu)
    return order


def _check_image(image: str) -> None:
    last = image.rpartition("/")[2]
    if ":" not in last and "@" not in last:
        raise invalid([("image", "must have a tag or a digest")])


def _check_wanted(gpu: Wanted) -> None:
    needs = {name: getattr(gpu, name) for name in ("gpu_model", "gpu_count", "min_vram_gb", "region")}
    if gpu.offer_id is not None:
        wrong = [name for name, value in needs.items() if value is not None]
        if wrong:
            raise invalid([(f"gpu.{name}", "cannot be given with offer_id") for name in wrong])
        return
    missing = [name for name in ("gpu_model", "gpu_count") if needs[name] is None]
    if missing:
        raise invalid([(f"gpu.{name}", "is required without offer_id") for name in missing])


def _path(parts: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in parts) or "body"

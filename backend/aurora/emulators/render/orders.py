"""The body of a create call of Dispersed, read and checked."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from aurora.emulators.exchange import Call
from aurora.emulators.jobs.job import Order
from aurora.emulators.render.door import Refused
from aurora.emulators.workload import Workload

SSH = 22
_DEFAULT_PORTS = (SSH,)
_BATCH_SECONDS = 60  # a batch container of which nothing is known
_MS = 1000

Text = Annotated[str, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Container(_Strict):
    """`ports` replaces the default set. Secrets and values of `env` are read and forgotten."""

    image: Text = Field(min_length=1, pattern=r"^\S+$")
    tag: Text = Field(default="latest", min_length=1, pattern=r"^\S+$")
    env: dict[Text, Text] = Field(default_factory=dict, repr=False)
    ports: list[Annotated[int, Field(strict=True, ge=1, le=65_535)]] = Field(default=list(_DEFAULT_PORTS))
    sshkey: Text | None = None
    allowed_ips: list[Text] = Field(default_factory=list)
    host: Text | None = None
    user: Text | None = Field(default=None, repr=False)
    secret: Text | None = Field(default=None, repr=False)
    volumes: Any = None


class _Parameters(_Strict):
    type: Literal["docker"]
    parameters: Container


class JobOrder(_Strict):
    """Section 3.2 of what is known about the API."""

    task: Literal["PERSISTENT", "BATCH"]
    title: Text = Field(min_length=1, max_length=255)
    gpu_registry_uuid: Text | None = None
    gpu_name: Text | None = None
    gpu_count: StrictInt = Field(default=1, ge=1)
    cpu_count: Count = 0
    min_vram_gb: Count = 0
    min_ram_gb: Count = 0
    min_storage_gb: Count = 0
    max_timeout_run_ms: Annotated[int, Field(strict=True, gt=0)] | None = None
    max_timeout_start_ms: Annotated[int, Field(strict=True, gt=0)] = 1_800_000
    max_timeout_assign_ms: Annotated[int, Field(strict=True, gt=0)] = 600_000
    max_retry_count: Annotated[int, Field(strict=True, ge=0, le=10)] = 0
    parameters: _Parameters

    @property
    def container(self) -> Container:
        return self.parameters.parameters

    def order(self) -> Order:
        box = self.container
        run_ms = self.max_timeout_run_ms
        command = ["sleep", str(_BATCH_SECONDS)] if self.task == "BATCH" else []
        return Order(
            name=self.title,
            workload=Workload(f"{box.image}:{box.tag}", command),
            env_names=sorted(box.env),
            ports=[(port, "tcp") for port in box.ports],
            disk_gb=self.min_storage_gb,
            labels={"task": self.task},
            run_s=None if run_ms is None else run_ms / _MS,
            queue_s=self.max_timeout_assign_ms / _MS,
            start_s=self.max_timeout_start_ms / _MS,
            restarts=self.max_retry_count,
        )


def parse_order(call: Call) -> JobOrder:
    """Raises Refused with the first wrong field. What was sent is not repeated: it may hold secrets."""
    try:
        order = JobOrder.model_validate(json.loads(call.body))
    except ValidationError as exc:
        error = exc.errors(include_input=False, include_url=False, include_context=False)[0]
        path = ".".join(str(part) for part in error["loc"]) or "body"
        raise Refused(400, "validation_error", f"{path}: {error['msg']}") from None
    except ValueError:
        raise Refused(400, "bad_json", "the body is not JSON") from None
    if order.task == "BATCH" and order.max_timeout_run_ms is None:
        raise Refused(400, "validation_error", "max_timeout_run_ms: is required for BATCH")
    return order

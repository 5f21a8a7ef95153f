"""What the requests may hold (contract, sections 4.2, 5, 6 and 8). Unknown fields are ignored, as JSON readers do."""

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from aurora.emulators.exchange import Call
from aurora.emulators.salad import replies
from aurora.emulators.salad.pools import Priority
from aurora.emulators.salad.replies import Refused

NAME = r"^[a-z][a-z0-9-]{0,61}[a-z0-9]$"
_UUID = r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"
_DISPLAY = r"^[ ,-.0-9A-Za-z]+$"
GIBIBYTE = 1 << 30
MERGE_PATCH = "application/merge-patch+json"

ClassId = Annotated[StrictStr, Field(pattern=_UUID)]
Country = Annotated[StrictStr, Field(pattern=r"^[a-z]{2}$")]
Text = Annotated[StrictStr, Field(max_length=1000)]
Cpu = Annotated[StrictInt, Field(ge=1, le=1024)]
Memory = Annotated[StrictInt, Field(ge=1024)]
Storage = Annotated[StrictInt, Field(ge=GIBIBYTE)]
Countries = Annotated[list[Country], Field(min_length=1, max_length=500)]
DisplayName = Annotated[StrictStr, Field(pattern=_DISPLAY, min_length=2, max_length=63)]
Image = Annotated[StrictStr, Field(min_length=1, max_length=2048)]
Command = Annotated[list[StrictStr], Field(max_length=100)]
Replicas = Annotated[StrictInt, Field(ge=0, le=500)]


class Resources(BaseModel):
    cpu: Cpu
    memory: Memory
    gpu_classes: Annotated[list[ClassId], Field(max_length=100)] | None = None
    storage_amount: Storage | None = None
    shm_size: Annotated[StrictInt, Field(ge=64)] | None = None


class Secret(BaseModel):
    """Exactly one way to sign in."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="after")
    def _one_way(self) -> "Secret":
        known = {"basic", "docker_hub", "aws_ecr", "gcp_gcr", "gcp_gar"}
        given = {name for name, value in (self.model_extra or {}).items() if value is not None}
        if len(given & known) != 1:
            raise ValueError(f"exactly one of {', '.join(sorted(known))} is required")
        return self


class Container(BaseModel):
    image: Image
    resources: Resources
    command: Command | None = None
    environment_variables: dict[StrictStr, Text] | None = None
    priority: Priority | None = None
    image_caching: StrictBool | None = None
    registry_authentication: Secret | None = None


class Networking(BaseModel):
    auth: StrictBool
    port: Annotated[StrictInt, Field(ge=1, le=65535)]
    protocol: Literal["http"]
    load_balancer: Literal["round_robin", "least_number_of_connections"] = "round_robin"
    single_connection_limit: StrictBool = False
    client_request_timeout: Annotated[StrictInt, Field(ge=1, le=100_000)] = 100_000
    server_response_timeout: Annotated[StrictInt, Field(ge=1, le=100_000)] = 100_000


class Probe(BaseModel):
    model_config = ConfigDict(extra="allow")

    initial_delay_seconds: Annotated[StrictInt, Field(ge=0)] = 0
    period_seconds: Annotated[StrictInt, Field(ge=1)] = 10
    timeout_seconds: Annotated[StrictInt, Field(ge=1)] = 30
    success_threshold: Annotated[StrictInt, Field(ge=1)] = 1
    failure_threshold: Annotated[StrictInt, Field(ge=1)] = 3


class Prototype(BaseModel):
    name: Annotated[StrictStr, Field(pattern=NAME)]
    display_name: DisplayName | None = None
    autostart_policy: StrictBool
    replicas: Replicas
    restart_policy: Literal["always", "on_failure", "never"]
    container: Container
    country_codes: Countries | None = None
    networking: Networking | None = None
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None


class PatchedResources(BaseModel):
    cpu: Cpu | None = None
    memory: Memory | None = None
    gpu_classes: Annotated[list[ClassId], Field(max_length=100)] | None = None
    storage_amount: Storage | None = None
    shm_size: Annotated[StrictInt, Field(ge=64)] | None = None


class PatchedContainer(BaseModel):
    image: Annotated[StrictStr, Field(min_length=1, max_length=1024)] | None = None
    resources: PatchedResources | None = None
    command: Command | None = None
    environment_variables: dict[StrictStr, Text | None] | None = None
    priority: Priority | None = None


class PatchedNetworking(BaseModel):
    port: Annotated[StrictInt, Field(ge=1, le=65535)] | None = None


class Patch(BaseModel):
    """Parts of a group; null takes away what may be absent."""

    display_name: DisplayName | None = None
    replicas: Replicas | None = None
    country_codes: Countries | None = None
    container: PatchedContainer | None = None
    networking: PatchedNetworking | None = None


class Availability(BaseModel):
    gpu_classes: Annotated[list[ClassId], Field(min_length=1)]
    cpu: Cpu | None = None
    memory: Annotated[StrictInt, Field(ge=1)] | None = None
    storage_amount: Annotated[StrictInt, Field(ge=0)] | None = None
    country_codes: Countries | None = None


class CpuAvailability(BaseModel):
    cpu: Cpu | None = None
    memory: Annotated[StrictInt, Field(ge=1)] | None = None
    storage_amount: Annotated[StrictInt, Field(ge=0)] | None = None
    country_codes: Countries | None = None


class LogQuery(BaseModel):
    start_time: StrictStr
    end_time: StrictStr
    query: Annotated[StrictStr, Field(max_length=20_000)]
    page_size: Annotated[StrictInt, Field(ge=1, le=100)] = 100
    sort_order: Literal["asc", "desc"] = "desc"


class DeletionCost(BaseModel):
    deletion_cost: Annotated[StrictInt, Field(ge=0, le=100_000)]


Form = TypeVar("Form", bound=BaseModel)


def read(call: Call, form: type[Form], *, content_type: str = "application/json") -> Form:
    """The body in its form. Raises Refused: 415 for another content type, 400 for what is wrong in it."""
    announced = call.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if announced != content_type:
        raise Refused(415, f"The content type must be {content_type}")
    try:
        return form.model_validate(document(call))
    except ValidationError as error:
        raise replies.invalid(error) from None


def document(call: Call) -> dict[str, Any]:
    try:
        body = json.loads(call.body)
    except ValueError:
        raise Refused(400, "The request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "The request body must be a JSON object")
    return body

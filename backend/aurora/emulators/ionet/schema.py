"""The bodies and queries of CaaS, as strict as its own (contract, sections 3.3 to 3.11): unknown fields are refused."""

import json
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from aurora.emulators.exchange import Call
from aurora.emulators.ionet import replies

Count = Annotated[int, Field(ge=1)]
StrictCount = Annotated[StrictInt, Field(ge=1)]
Texts = dict[StrictStr, StrictStr]
Name = StrictInt | StrictStr


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ContainerConfig(Strict):
    replica_count: StrictCount
    traffic_port: Annotated[StrictInt, Field(ge=1, le=65535)]
    entrypoint: list[StrictStr] | None = None
    args: list[StrictStr] | None = None
    env_variables: Texts | None = None
    secret_env_variables: Texts | None = None


class RegistryConfig(Strict):
    image_url: Annotated[StrictStr, Field(min_length=1)]
    registry_username: StrictStr | None = None
    registry_secret: StrictStr | None = None


class DeployBody(Strict):
    """`billing_model` is refused before, unless the setting says that REST knows it."""

    resource_private_name: StrictStr
    duration_hours: StrictCount
    gpus_per_container: StrictCount
    hardware_id: Name
    location_ids: list[Name] | None = None
    node_pool_id: StrictStr | None = None
    container_config: ContainerConfig
    registry_config: RegistryConfig
    billing_model: Annotated[StrictStr, Field(pattern="^(duration|payg)$")] = "duration"


class ExtendBody(Strict):
    duration_hours: StrictCount


class PatchBody(Strict):
    """Flat; hardware, place and replicas cannot change."""

    env_variables: Texts | None = None
    secret_env_variables: Texts | None = None
    entrypoint: list[StrictStr] | None = None
    traffic_port: Annotated[StrictInt, Field(ge=1, le=65535)] | None = None
    image_url: Annotated[StrictStr, Field(min_length=1)] | None = None
    registry_username: StrictStr | None = None
    registry_secret: StrictStr | None = None
    args: list[StrictStr] | None = None
    command: list[StrictStr] | None = None


class RenameBody(Strict):
    cluster_name: StrictStr


class ReplicasQuery(BaseModel):
    hardware_id: int | str
    hardware_qty: Count


class PriceQuery(BaseModel):
    location_ids: str
    hardware_id: int | str
    duration_hours: Count
    gpus_per_container: Count
    replica_count: Count


Form = TypeVar("Form", bound=BaseModel)


def read_body(call: Call, form: type[Form]) -> Form:
    """The body in its form. Raises Refused."""
    return checked(document(call), form)


def checked(body: dict[str, Any], form: type[Form]) -> Form:
    """Raises Refused."""
    try:
        return form.model_validate(body)
    except ValidationError as error:
        raise replies.invalid("body", error) from None


def read_query(call: Call, form: type[Form]) -> Form:
    """The query in its form; parameters that are not part of it are ignored. Raises Refused."""
    try:
        return form.model_validate(dict(call.query))
    except ValidationError as error:
        raise replies.invalid("query", error) from None


def document(call: Call) -> dict[str, Any]:
    """A JSON object, announced as one. Raises Refused."""
    announced = call.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    try:
        body = json.loads(call.body) if call.body else None
    except ValueError:
        raise replies.wrong(["body", 0], "JSON decode error", "json_invalid") from None
    if body is None:
        raise replies.wrong(["body"], "Field required", "missing")
    if announced != "application/json" or not isinstance(body, dict):
        kind = "Input should be a valid dictionary or object to extract fields from"
        raise replies.wrong(["body"], kind, "model_attributes_type")
    return body


def number(name: str | int) -> int | str:
    """An id as the query carries it: digits are a number."""
    return int(name) if isinstance(name, str) and name.isdecimal() else name


def locations(text: str, *, plain: bool) -> list[int | str]:
    """The places of a query: a JSON list as text (`[3]`); with `plain` also the bare name. Raises Refused."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, list) and found and all(isinstance(one, int | str) for one in found):
        return found
    if plain and text and not isinstance(found, list):
        return [number(text)]
    raise replies.wrong(["query", "location_ids"], "Input should be a valid JSON array", "list_type")

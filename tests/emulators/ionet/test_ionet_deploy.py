"""Deploying: strict bodies, names, capacity, credit (contract, section 3.5, and point 3 of the checklist)."""

import uuid

import pytest

from tests.emulators.ionet.conftest import RTX_4090, SKU, US, order, sample


async def test_a_deploy_answers_flat_with_a_uuid(ionet):
    answer = await ionet.post(order())

    assert answer.status == 200
    assert answer.body == {
        "status": "success",
        "deployment_id": answer.body["deployment_id"],
        "emulated": True,
    }
    assert uuid.UUID(answer.body["deployment_id"])


async def test_the_recorded_request_is_understood(ionet):
    """The client's ids are of a market of another day: hardware 203 at place 1."""
    body = sample("caas_deploy_request_client_example")

    strange = await ionet.post(body)
    answer = await ionet.post({**body, "hardware_id": RTX_4090, "location_ids": [US]})

    assert strange.error == (422, "hardware_id is invalid")
    assert answer.status == 200
    shown = await ionet.show(answer.body["deployment_id"])
    assert shown["container_config"] == {
        "entrypoint": ["node", "agent.js"],
        "env_variables": {"KEY": "val"},
        "traffic_port": 3100,
        "image_url": body["registry_config"]["image_url"],
        "secret_env_keys": ["SECRET"],
    }


def changed(path, value):
    """An order with one entry changed; Ellipsis takes it away."""
    body = order()
    inner = body
    *outer, last = path
    for name in outer:
        inner = inner[name]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return body


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        (("label",), "x", "extra_forbidden"),
        (("billing_model",), "duration", "extra_forbidden"),
        (("container_config", "disk"), 10, "extra_forbidden"),
        (("registry_config", "tag"), "x", "extra_forbidden"),
        (("resource_private_name",), ..., "missing"),
        (("duration_hours",), 0, "greater_than_equal"),
        (("duration_hours",), 1.5, "int_type"),
        (("duration_hours",), 8761, "less_than_equal"),
        (("gpus_per_container",), 0, "greater_than_equal"),
        (("gpus_per_container",), 2, "less_than_equal"),
        (("hardware_id",), "12", "hardware_id is invalid"),
        (("hardware_id",), None, "int_type"),
        (("location_ids",), [3, 17], "too_long"),
        (("location_ids",), [], "missing"),
        (("location_ids",), ["US"], "location_ids is invalid"),
        (("location_ids",), [999], "location_ids is invalid"),
        (("node_pool_id",), "3c90c3cc-0d44-4b50-8888-8dd25736052a", "node_pool_id is invalid"),
        (("container_config", "traffic_port"), ..., "missing"),
        (("container_config", "traffic_port"), 65536, "less_than_equal"),
        (("container_config", "replica_count"), 0, "greater_than_equal"),
        (("container_config", "env_variables"), {"A": 1}, "string_type"),
        (("container_config", "entrypoint"), "sh", "list_type"),
        (("registry_config", "image_url"), "", "string_too_short"),
        (("resource_private_name",), "Not A Name", "resource_private_name is invalid"),
        (("resource_private_name",), "x" * 64, "resource_private_name is invalid"),
    ],
)
async def test_wrong_bodies_are_refused_with_their_reason(ionet, path, value, error):
    answer = await ionet.post(changed(path, value))

    assert answer.error == (422, error)
    assert await ionet.ledger() == {}


async def test_errors_name_the_place(ionet):
    answer = await ionet.post(changed(("duration_hours",), 0))

    assert answer.body["detail"] == [
        {
            "loc": ["body", "duration_hours"],
            "msg": "Input should be greater than or equal to 1",
            "type": "greater_than_equal",
        }
    ]


async def test_a_body_that_is_no_json_is_refused(ionet):
    announced = {"Content-Type": "application/json"}

    assert (await ionet.api("POST", "/deploy", data=b"{", headers=announced)).error == (422, "json_invalid")
    assert (await ionet.api("POST", "/deploy", data=b"[]", headers=announced)).error[0] == 422
    assert (await ionet.api("POST", "/deploy", data=b"{}", headers={"Content-Type": "text/plain"})).error[
        0
    ] == 422
    assert (await ionet.api("POST", "/deploy", headers=announced)).error == (422, "missing")


async def test_a_name_is_unique_also_after_its_deployment_ended(ionet):
    one = await ionet.deploy("mine")
    await ionet.destroy(one)
    ionet.clock.step(60)

    assert (await ionet.post(order("mine"))).status == 409
    await ionet.adjust(name_taken_status=400)
    assert (await ionet.post(order("mine"))).status == 400
    await ionet.adjust(unique_names=False)
    assert (await ionet.post(order("mine"))).status == 200


async def test_names_can_be_asked_for_and_changed(ionet):
    one = await ionet.deploy("mine")
    for clusters in ("/clusters", "/../clusters"):
        base = f"/ionet/enterprise/v1/io-cloud{'' if '..' in clusters else '/caas'}/clusters"
        path = f"{base}/check_cluster_name_availability?cluster_name="
        assert (await ionet.ask("GET", f"{path}mine")).body is False
        assert (await ionet.ask("GET", f"{path}other")).body is True
    renamed = await ionet.api("PUT", f"/clusters/{one}/update-name", json={"cluster_name": "yours"})
    assert renamed.body["status"] == "success"
    assert [row["name"] for row in (await ionet.listed())["deployments"]] == ["yours"]


async def test_capacity_runs_out(ionet):
    free = await ionet.replicas(SKU, 8)
    answers = [
        await ionet.post(order(f"n-{n}", hardware=SKU, locations=["US"], gpus=8)) for n in range(free[US] + 1)
    ]

    assert [answer.status for answer in answers] == [200] * free[US] + [409]
    assert (await ionet.hardware())[SKU]["available"] == 4, "partners always show the same number"
    await ionet.adjust(no_capacity_status=400)
    assert (await ionet.post(order("late", hardware=SKU, locations=["US"], gpus=8))).status == 400


async def test_several_replicas_take_as_much_stock(ionet):
    before = (await ionet.replicas(RTX_4090))[US]
    body = order()
    body["container_config"]["replica_count"] = 3
    one = (await ionet.post(body)).body["deployment_id"]
    ionet.clock.step(60)

    shown = await ionet.show(one)
    assert (shown["total_containers"], shown["total_gpus"], shown["amount_paid"]) == (3, 3, 0.9)
    assert len({row["container_id"] for row in await ionet.workers(one)}) == 3
    assert (await ionet.replicas(RTX_4090))[US] == before - 3


async def test_without_credit_nothing_is_deployed(start):
    poor = await start(credit_usd=1)

    assert (await poor.post(order(hours=4))).error == (402, "Insufficient IO Credits")
    one = await poor.deploy(hours=3)
    assert (await poor.extend(one, 1)).error == (402, "Insufficient IO Credits")
    await poor.adjust(no_credit_status=403)
    assert (await poor.post(order("b"))).status == 403


async def test_a_deploy_may_answer_nothing_and_be_there(ionet):
    await ionet.adjust(empty_deploy_body=True)

    answer = await ionet.post(order("mine"))

    assert (answer.status, answer.body) == (200, {"emulated": True})
    assert [row["name"] for row in (await ionet.listed())["deployments"]] == ["mine"]


async def test_lax_bodies_and_billing_models_are_settings(ionet):
    await ionet.adjust(strict_deploy=False)
    assert (await ionet.post({**order("a"), "label": "x", "billing_model": "payg"})).status == 200
    await ionet.adjust(strict_deploy=True, billing_model="accepted")
    assert (await ionet.post({**order("b"), "billing_model": "never"})).error[0] == 422
    assert (await ionet.post({**order("b"), "billing_model": "payg"})).status == 200
    await ionet.adjust(one_location=False, strict_names=False, max_duration_hours=2)
    assert (await ionet.post(order("Any Name", locations=(3, 17)))).status == 200
    assert (await ionet.post(order("long", hours=3))).error == (422, "less_than_equal")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"refund": "half"}, "refund"),
        ({"no_such": 1}, "no_such"),
        ({"first_page": True}, "first_page"),
        ({"list_lag_s": -1}, "list_lag_s"),
        ({"strict_deploy": 1, "refund": "none"}, "strict_deploy"),
    ],
)
async def test_wrong_settings_change_nothing(ionet, settings, field):
    before = (await ionet.ask("GET", "/_emulator/ionet/settings")).body
    answer = await ionet.adjust(**settings)

    assert (answer.status, answer.body["field"]) == (422, field)
    assert (await ionet.ask("GET", "/_emulator/ionet/settings")).body == before

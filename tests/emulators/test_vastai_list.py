import base64
import json

import pytest


async def rent_some(vast, count):
    offers = await vast.search(gpu_frac={"eq": 1}, limit=count)
    return [await vast.rent(offer, label=f"job-{place % 3}") for place, offer in enumerate(offers)]


async def walk(vast, **query):
    pages, token = [], None
    while True:
        page = await vast.listed(**query, **({"after_token": token} if token else {}))
        pages.append(page)
        token = page["next_token"]
        if token is None:
            return pages


async def test_pages_hold_at_most_25_and_follow_each_other(start):
    vast = await start(offers=900)
    ids = await rent_some(vast, 60)

    pages = await walk(vast, limit=100)

    assert [page["instances_found"] for page in pages] == [25, 25, 10]
    assert {page["total_instances"] for page in pages} == {60}
    assert [row["id"] for page in pages for row in page["instances"]] == sorted(ids)
    assert pages[0]["label_counts"] == {"job-0": 20, "job-1": 20, "job-2": 20}
    assert [len(page["instances"]) for page in await walk(vast, limit=0)] == [5] * 12


async def test_pages_follow_any_stored_column_in_both_directions(vast):
    ids = await rent_some(vast, 7)
    order = [{"col": "label", "dir": "desc"}]

    rows = [row for page in await walk(vast, limit=2, order_by=order) for row in page["instances"]]

    assert [row["label"] for row in rows] == ["job-2"] * 2 + ["job-1"] * 2 + ["job-0"] * 3
    assert sorted(row["id"] for row in rows) == ids


async def test_a_page_is_stable_when_an_instance_before_it_goes(vast):
    ids = await rent_some(vast, 4)
    first = await vast.listed(limit=2)
    await vast.destroy(ids[0])

    second = await vast.listed(limit=2, after_token=first["next_token"])

    assert [row["id"] for row in second["instances"]] == ids[2:]


async def test_filters_select_by_label_status_and_id(vast):
    ids = await rent_some(vast, 6)
    await vast.until_running(ids[0])
    await vast.api("PUT", f"/v0/instances/{ids[1]}/", json={"state": "stopped"})

    async def found(**filters):
        return [row["id"] for row in (await vast.listed(select_filters=filters))["instances"]]

    assert await found(label={"in": ["job-0"]}) == [ids[0], ids[3]]
    assert await found(label={"eq": "none"}) == []
    assert await found(actual_status={"eq": "stopped"}) == [ids[1]]
    assert await found(actual_status={"in": ["running"]}, label={"eq": "job-1"}) == [ids[4]]
    assert await found(id={"eq": str(ids[2])}) == [ids[2]]
    assert await found(id={"gt": ids[3]}) == ids[4:]


async def test_select_cols_gives_those_columns_and_null_for_unknown_ones(vast):
    await rent_some(vast, 1)

    page = await vast.listed(select_cols=["id", "label", "shoe_size"])

    assert list(page["instances"][0]) == ["id", "label", "shoe_size"]
    assert page["instances"][0]["shoe_size"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"select_filters": '{"dph_total": {"lt": 1}}'},
        {"select_filters": '{"num_gpus": {"eq": 1}}'},
        {"select_filters": "{"},
        {"select_filters": "[]"},
        {"order_by": '[{"col": "dph_total", "dir": "asc"}]'},
        {"order_by": "5"},
        {"limit": "some"},
    ],
)
async def test_a_query_on_computed_or_malformed_columns_is_400(vast, query):
    answer = await vast.api("GET", "/v1/instances/", params=query)

    assert (answer.status, answer.body["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("token", ["rubbish", base64.b64encode(json.dumps({"values": {}}).encode()).decode()])
async def test_a_strange_page_token_is_400(vast, token):
    answer = await vast.api("GET", "/v1/instances/", params={"after_token": token})

    assert (answer.status, answer.body["error"]) == (400, "invalid_token")


async def test_the_old_list_and_the_filter_values_are_still_there(vast):
    ids = await rent_some(vast, 2)

    old = await vast.api("GET", "/v0/instances/")
    filters = await vast.api("GET", "/v0/instances/filters/")

    assert old.body["instances_found"] == 2
    assert [row["id"] for row in old.body["instances"]] == ids
    assert set(filters.body["filters"][0]) == {"actual_status", "verification", "gpu_name"}


async def test_every_instance_has_what_the_official_client_cannot_do_without(vast):
    instance = await vast.rent(env={"A": "B"})

    shown = await vast.show(instance)

    assert isinstance(shown["start_date"], float)
    assert shown["extra_env"] == [["A", "B"]]
    assert shown["gpu_totalram"] == shown["gpu_ram"] * shown["num_gpus"]


async def test_lists_need_a_key(vast):
    for path in ("/v1/instances/", "/v0/instances/", "/v0/instances/5", "/v0/instances/filters/"):
        assert (await vast.api("GET", path, key=None)).status == 401
        assert (await vast.api("GET", path, key="invalid")).body["error"] == "auth_error"


async def test_a_lagging_list_hides_the_young_while_status_shows_them(vast):
    await vast.fault("list_lag", seconds=30)
    instance = await vast.rent(label="young")

    hidden = await vast.listed(select_filters={"label": {"eq": "young"}})
    status = await vast.show(instance)
    vast.clock.step(31)

    assert hidden["instances"] == []
    assert status["id"] == instance
    assert [row["id"] for row in (await vast.listed())["instances"]] == [instance]

from urllib.parse import quote

LCD = "/rest/akash"


async def chain(akash, path):
    return await akash.api("GET", path, key=None)


async def height(akash):
    block = (await chain(akash, "/rest/cosmos/base/tendermint/v1beta1/blocks/latest")).body["block"]
    return int(block["header"]["height"])


async def test_a_block_takes_six_seconds_of_the_wall(start):
    akash = await start(state_speed=100)
    first = await height(akash)
    akash.clock.step(5.9)
    same = await height(akash)
    akash.clock.step(0.1)

    assert (same, await height(akash)) == (first, first + 1)


async def test_the_chain_shows_placement_names_and_hashes_to_everybody(akash):
    dseq = await akash.rent("t4", name="aurora-z-1")
    owner = await akash.owner()

    found = (await chain(akash, f"{LCD}/deployment/v1beta4/deployments/list?filters.owner={owner}")).body

    item = found["deployments"][0]
    assert item["groups"][0]["group_spec"]["name"] == "aurora-z-1"
    assert item["deployment"]["hash"] == (await akash.show(dseq))["deployment"]["hash"]
    assert item["escrow_account"]["state"]["funds"][0]["amount"].count("0") >= 18


async def test_lists_are_filtered_by_owner_state_and_number(akash):
    dseqs = [await akash.deploy("t4") for _ in range(3)]
    await akash.close(dseqs[1])
    path = f"{LCD}/deployment/v1beta4/deployments/list"

    async def numbers(query):
        rows = (await chain(akash, f"{path}?{query}")).body["deployments"]
        return [row["deployment"]["id"]["dseq"] for row in rows]

    assert await numbers("filters.state=active") == [dseqs[0], dseqs[2]]
    assert await numbers("filters.state=closed") == [dseqs[1]]
    assert await numbers(f"filters.dseq={dseqs[2]}") == [dseqs[2]]
    assert await numbers("filters.owner=akash1x") == []
    assert await numbers("pagination.reverse=true&pagination.limit=1") == [dseqs[2]]


async def test_pages_are_chained_by_keys_and_totals_mean_nothing(akash):
    dseqs = [await akash.deploy("t4") for _ in range(5)]
    path, key, seen = f"{LCD}/deployment/v1beta4/deployments/list?pagination.limit=2", "", []

    while key is not None:
        page = (await chain(akash, f"{path}&pagination.key={quote(key)}")).body
        seen += [row["deployment"]["id"]["dseq"] for row in page["deployments"]]
        key = page["pagination"]["next_key"]

    assert seen == dseqs
    assert page["pagination"]["total"] == "0"
    counted = (await chain(akash, f"{path}&pagination.count_total=true")).body
    assert counted["pagination"]["total"] == "5"


async def test_an_offset_needs_a_state(akash):
    path = f"{LCD}/deployment/v1beta4/deployments/list"

    refused = await chain(akash, f"{path}?pagination.offset=1")
    fine = await chain(akash, f"{path}?pagination.offset=1&filters.state=active")

    assert (refused.status, refused.body["code"]) == (400, 3)
    assert "filter.state must be provided" in refused.body["message"]
    assert fine.status == 200
    assert (await chain(akash, f"{path}?pagination.key=%%%")).status == 400
    assert (await chain(akash, f"{path}?pagination.limit=x")).status == 400


async def test_the_market_lists_orders_bids_and_leases(akash):
    dseq = await akash.rent("t4")
    owner = await akash.owner()

    async def market(what, query=""):
        path = f"{LCD}/market/v1beta5/{what}/list?filters.owner={owner}&filters.dseq={dseq}{query}"
        return (await chain(akash, path)).body[what]

    lost = await market("bids", "&filters.state=lost")
    leases = await market("leases", "&filters.state=active")

    assert [order["state"] for order in await market("orders")] == ["active"]
    assert len(await market("bids")) == len(lost) + 1
    assert leases[0]["escrow_payment"]["state"]["rate"] == leases[0]["lease"]["price"]
    assert await market("leases", "&filters.provider=akash1x") == []


async def test_rows_of_the_chain_have_the_keys_of_the_captured_ones(akash, fixture):
    await akash.rent("t4")
    deployment = (await chain(akash, f"{LCD}/deployment/v1beta4/deployments/list")).body["deployments"][0]
    bid = (await chain(akash, f"{LCD}/market/v1beta5/bids/list")).body["bids"][0]
    captured = fixture("lcd.rows")

    assert set(missing(captured["deployment"], deployment)) == set()
    assert set(missing(captured["bid"], bid)) <= {".bid.reclamation_window", ".bid.resources_offer[].prices"}


def missing(theirs, mine, path=""):
    """The paths of keys that a captured document has and ours has not."""
    if isinstance(theirs, dict):
        for name, value in theirs.items():
            if name not in mine:
                yield f"{path}.{name}"
            else:
                yield from missing(value, mine[name], f"{path}.{name}")
    elif isinstance(theirs, list) and theirs:
        assert mine, path
        yield from missing(theirs[0], mine[0], f"{path}[]")


async def test_providers_and_balances_are_on_the_chain(akash):
    rows = (await chain(akash, f"{LCD}/provider/v1beta4/providers")).body["providers"]
    one = (await chain(akash, f"{LCD}/provider/v1beta4/providers/{rows[3]['owner']}")).body["provider"]
    owner = await akash.owner()
    coins = (await chain(akash, f"/rest/cosmos/bank/v1beta1/balances/{owner}")).body["balances"]

    assert one == rows[3]
    assert {"owner", "host_uri", "attributes", "info"} <= one.keys()
    assert coins == [{"denom": "uact", "amount": "10000000000"}]
    assert (await chain(akash, f"{LCD}/provider/v1beta4/providers/akash1x")).body["code"] == 5


async def test_what_is_not_there_is_said_as_the_chain_does(akash):
    unknown = await chain(akash, f"{LCD}/deployment/v1beta4/deployments/info?id.owner=a&id.dseq=1")
    retired = await chain(akash, f"{LCD}/deployment/v1beta3/deployments/list")

    assert (unknown.status, unknown.body["code"], unknown.body["message"]) == (404, 5, "deployment not found")
    assert (retired.status, retired.body["code"], retired.body["message"]) == (501, 12, "Not Implemented")
    assert (await chain(akash, f"{LCD}/market/v1beta5/things/list")).status == 501


async def test_the_console_mirrors_two_lists(akash):
    dseq = await akash.rent("t4")

    deployments = await chain(akash, "/akash/deployment/v1beta4/deployments/list")
    leases = await chain(akash, "/akash/market/v1beta5/leases/list")

    assert deployments.body["deployments"][0]["deployment"]["id"]["dseq"] == dseq
    assert leases.body["leases"][0]["lease"]["id"]["dseq"] == dseq

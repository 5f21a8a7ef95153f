async def read(vast, instance, **asked):
    """Ask for the logs, see the upload pending, then read them."""
    answer = await vast.api("PUT", f"/v0/instances/request_logs/{instance}", json=asked)
    assert answer.status == 200, answer
    path = answer.body["result_url"].removeprefix(vast.url)
    early = await vast.ask("GET", path, key=None)
    assert (early.status, early.headers["Content-Type"]) == (403, "application/xml")
    vast.clock.step(0.5)
    done = await vast.ask("GET", path, key=None)
    assert (done.status, done.headers["Content-Type"]) == (200, "text/plain")
    return done.body.splitlines()


async def test_the_log_grows_while_the_container_runs(vast):
    instance = await vast.rent(
        image="acme/app:2", args=["serve", "--fast"], env={"TOKEN": "hush", "-p 80:80": "1"}
    )
    await vast.until_running(instance)

    first = await read(vast, instance)
    vast.clock.step(20)
    second = await read(vast, instance)

    assert second[: len(first)] == first
    assert len(second) == len(first) + 10
    head = "\n".join(first[:3])
    assert "acme/app:2" in head
    assert "serve --fast" in head
    assert "TOKEN" in head
    assert "hush" not in "\n".join(second)


async def test_filter_and_tail_are_honoured(vast):
    instance = await vast.rent()
    await vast.until_running(instance)
    vast.clock.step(300)

    whole = await read(vast, instance)
    errors = await read(vast, instance, filter="ERROR")

    assert await read(vast, instance, tail="0") == [""]
    assert len(await read(vast, instance, tail="5")) == 5
    assert errors == [line for line in whole if "ERROR" in line]
    assert errors


async def test_the_text_is_not_there_before_the_upload_is_done(vast):
    instance = await vast.rent()
    url = (await vast.api("PUT", f"/v0/instances/request_logs/{instance}/", json={})).body["result_url"]
    path = url.removeprefix(vast.url)

    assert [(await vast.ask("GET", path, key=None)).status for _ in range(3)] == [403] * 3


async def test_a_container_that_is_not_there_says_so_and_an_instance_that_is_not_is_404(vast):
    instance = await vast.rent()

    assert "No such container" in (await read(vast, instance))[0]
    answer = await vast.api("PUT", "/v0/instances/request_logs/5/", json={})
    assert (answer.status, answer.body) == (404, {"error": "invalid_id", "msg": "Invalid instance id."})
    assert (await vast.ask("GET", "/vastai/instance_logs/nothing.log", key=None)).status == 403


async def test_each_run_of_the_container_has_its_own_head_and_end(vast):
    instance = await vast.rent(args=["true"])
    vast.clock.step(60)
    await vast.api("PUT", f"/v0/instances/{instance}/", json={"state": "running"})
    vast.clock.step(60)

    lines = await read(vast, instance)

    assert len([line for line in lines if "starting container" in line]) == 2
    assert lines[-1].endswith("exited with code 0")


async def test_the_daemon_has_a_log_of_its_own(vast):
    instance = await vast.rent(image="does-not-exist")
    vast.clock.step(60)

    assert "pull access denied" in (await read(vast, instance, daemon_logs="true"))[-1]


async def test_a_few_commands_may_be_run_from_outside(vast):
    instance = await vast.rent()

    listing = await vast.api("PUT", f"/v0/instances/command/{instance}/", json={"command": "ls -l"})
    other = await vast.api("PUT", f"/v0/instances/command/{instance}/", json={"command": "curl evil"})

    assert listing.body["result_url"].startswith(vast.url)
    assert other.status == 400


async def test_links_lead_to_the_public_url(start):
    vast = await start(public_url="https://emulator.example/base/")
    instance = await vast.rent()

    answer = await vast.api("PUT", f"/v0/instances/request_logs/{instance}/", json={})

    assert answer.body["result_url"].startswith("https://emulator.example/base/vastai/instance_logs/")

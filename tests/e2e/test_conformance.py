"""Whatever is sent, the answer is one that the OpenAPI document declares, and never a fault of ours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from schemathesis import GenerationMode

from tests.e2e.conformance import Document
from tests.e2e.stack import Stack, stack

UNMETERED = {"INBOUND_RATE_LIMIT": "0", "VASTAI_RATE_LIMIT": "1000000", "AKASH_RATE_LIMIT": "1000000"}
ROUTE = {"workload_type": "llm_inference", "gpu_type": "a100", "gpu_hours": 2.0, "providers": ["vastai"]}


async def known(booted: Stack) -> dict[str, list[str]]:
    """Ids of things that exist, by the name of the path parameter."""
    running = await booted.post("/route", {**ROUTE, "wait": 30})
    ended = await booted.post("/route", {**ROUTE, "wait": 30})
    await booted.delete(f"/deployments/{ended['deployment_id']}")
    await booted.deployment(ended["deployment_id"], "terminated")
    return {
        "deployment_id": [ended["deployment_id"], running["deployment_id"]],
        "decision_id": [running["decision_id"]],
        "name": ["vastai", "akash"],
    }


@asynccontextmanager
async def documented(folder: Path, database_url: str) -> AsyncIterator[tuple[Document, Stack]]:
    async with stack(
        folder, offers=600, markets=("vastai", "akash"), database_url=database_url, **UNMETERED
    ) as made:
        await made.boot()
        ids = await known(made)
        document = await asyncio.to_thread(Document, made.url, ids)
        try:
            yield document, made
        finally:
            document.close()
        assert made.aurora is not None
        assert '"event": "request_crashed"' not in made.aurora.text


async def test_every_answer_is_one_that_the_document_declares(databases, tmp_path):
    async with (
        databases.postgres_url() as url,
        documented(tmp_path, url) as (document, _),
    ):
        right = await asyncio.to_thread(lambda: document.broken(GenerationMode.POSITIVE, examples=10))
        wrong = await asyncio.to_thread(lambda: document.broken(GenerationMode.NEGATIVE, examples=6))

        assert not right + wrong, "\n".join(right + wrong)
        assert document.asked > 10 * len(list(document.operations()))


async def test_rubbish_of_any_content_type_is_answered_as_declared_too(databases, tmp_path):
    url = await databases.sqlite_url(tmp_path / "aurora.db")
    async with documented(tmp_path, url) as (document, _):
        found = await asyncio.to_thread(lambda: document.broken_by_garbage(examples=20))

        assert not found, "\n".join(found)
        assert document.asked >= 30

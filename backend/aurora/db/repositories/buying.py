"""Purchases in one journey to Postgres: locks, a look for rivals, and all rows.

A function that lives as long as the lane's connection and is told to it once: it has the steps of `holds.rivals` and
`Bundle.write`, and needs no migration. Whoever may not define it, and whoever has rivals, goes step by step.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from aurora.db.bundle import Bundle, Shapes, insert_of
from aurora.db.lane import Lean, sqlstate
from aurora.db.repositories import holds
from aurora.db.repositories.holds import Hold
from aurora.db.tables import idempotency_keys

_ON_MACHINES = holds.ON_MACHINES.format(offers="p_offers", names="p_names", shared="p_shared")
_BEFORE = """
  PERFORM pg_advisory_xact_lock(key) FROM unnest(p_keys) AS wanted(key);
  IF EXISTS (
    SELECT FROM capacity_holds
    WHERE {machines} AND {present} AND NOT {name} = ANY(p_known)
  ) THEN
    RETURN false;
  END IF;
"""
"""The locks first, in one order for all: each statement of the function sees what was committed before it began."""
_NO_SUCH_FUNCTION = "42883"
_FORGET = """
  DELETE FROM idempotency_keys AS old USING json_populate_recordset(NULL::idempotency_keys, {rows}) AS fresh
  WHERE (old.tenant, old.operation, old.key) = (fresh.tenant, fresh.operation, fresh.key)
    AND old.expires_at <= fresh.created_at;
"""


async def at_once(
    connection: AsyncConnection, bundle: Bundle, *, wanted: Sequence[Hold], known: Iterable[str]
) -> bool:
    """Whether it is done and committed; else nothing was written, and it takes several steps.

    `known`: the names of the holds that were known when it was decided. Raises what the driver raises.
    """
    if not isinstance(connection, Lean):
        return False
    definition, call = _function(bundle.shapes())
    if not await connection.knows(definition):
        return False
    documents = bundle.documents(connection.dialect)
    values = {
        "keys": holds.lock_keys(wanted),
        "known": list(known),
        **holds.machines_of(wanted),
        **{f"rows_{place}": document for place, document in enumerate(documents)},
    }
    try:
        found = await connection.alone(call, values)
    except Exception as exc:
        if sqlstate(exc) != _NO_SUCH_FUNCTION:
            raise
        # A pooler gave us another session than the one that was told.
        connection.forget(definition)
        return False
    return any(row["bought"] for row in found.mappings())


@lru_cache(maxsize=64)
def _function(shapes: Shapes) -> tuple[str, TextClause]:
    """Its definition, and how it is called."""
    before = _BEFORE.format(machines=_ON_MACHINES, present=holds.PRESENT, name=holds.NAME)
    steps = []
    for place, (table, columns) in enumerate(shapes):
        if table is idempotency_keys:
            steps.append(_FORGET.format(rows=f"p_rows_{place}"))
        steps.append(f"  {insert_of(table.name, columns, rows=f'p_rows_{place}')};\n")
    documents = [f"rows_{place}" for place in range(len(shapes))]
    takes = ", ".join(f"p_{one} json" for one in documents)
    body = "".join((before, *steps))
    name = f"pg_temp.aurora_buy_{hashlib.blake2b(body.encode(), digest_size=6).hexdigest()}"
    # Without the setting: plans are kept, and the first are made while next to nothing is held, when to read all holds
    # looks cheapest; with 5,000 of them that was half of what a purchase cost the server.
    definition = (
        f"CREATE OR REPLACE FUNCTION {name}"
        f"(p_keys bigint[], p_offers text[], p_names text[], p_shared text[], p_known text[], {takes})"
        f" RETURNS boolean LANGUAGE plpgsql SET enable_seqscan TO off AS $buy$ BEGIN {body} RETURN true; END $buy$"
    )
    given = ", ".join(f"CAST(:{one} AS json)" for one in documents)
    call = text(
        f"SELECT {name}(CAST(:keys AS bigint[]), CAST(:offers AS text[]), CAST(:names AS text[]), "
        f"CAST(:shared AS text[]), CAST(:known AS text[]), {given}) AS bought"
    )
    return definition, call

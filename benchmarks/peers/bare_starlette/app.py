"""The same rows as the same JSON, as bare as Starlette and psycopg allow (docs: Starlette,
"Applications" and "Lifespan"; psycopg, "Asynchronous operations", "Prepared statements").

No token, no tenant, no rate limit, no metrics, no parameters but the size of a page: what is left
is what no check can be cheaper than. Nothing of Flextell is imported.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

CONNECTIONS = 8  # as many as one of our nodes holds
TENANT_ID = 1
ABOUT = {"success": True, "data": {"name": "Flextell API", "version": "v0.0.1"}}
CUSTOMERS = """
SELECT c.customer_id, c.first_name, c.last_name, c.phone_number, c.email, c.date_of_birth,
       c.gender, country.name, c.identity_number, c.job, c.address, c.default_channel_id,
       c.avatar_url, c.person_id, p.name, c.created_at, c.updated_at, c.deleted_at
FROM customers c
LEFT JOIN places country ON country.place_id = c.country_id
LEFT JOIN people p ON p.person_id = c.person_id
WHERE c.tenant_id = %s AND c.deleted_at IS NULL
"""
CUSTOMER = f"{CUSTOMERS} AND c.customer_id = %s"
PAGE = f"{CUSTOMERS} ORDER BY c.created_at DESC, c.customer_id DESC LIMIT %s"
TOTAL = "SELECT count(*) FROM customers WHERE tenant_id = %s AND deleted_at IS NULL"
TAGS = """
SELECT ct.customer_id, t.tag_id, t.tenant_id, t.name, t.color, t.created_at, t.updated_at
FROM customer_tags ct JOIN tags t ON t.tag_id = ct.tag_id
WHERE t.tenant_id = %s AND t.deleted_at IS NULL AND ct.customer_id = ANY(%s)
ORDER BY t.name, t.tag_id
"""

Connections = asyncio.Queue[psycopg.AsyncConnection[Any]]
Row = tuple[Any, ...]


@asynccontextmanager
async def connected(app: Starlette) -> AsyncIterator[None]:
    """Hold connections while the application runs."""
    app.state.connections = Connections()
    for _ in range(CONNECTIONS):
        app.state.connections.put_nowait(
            await psycopg.AsyncConnection.connect(os.environ["BENCH_DATABASE"], autocommit=True)
        )
    yield


@asynccontextmanager
async def lent(request: Request) -> AsyncIterator["psycopg.AsyncConnection[Any]"]:
    """A connection that nobody else uses meanwhile."""
    connections: Connections = request.app.state.connections
    connection = await connections.get()
    try:
        yield connection
    finally:
        connections.put_nowait(connection)


def answer(value: object) -> Response:
    """JSON."""
    return Response(orjson.dumps(value, option=orjson.OPT_UTC_Z), media_type="application/json")


async def about(_: Request) -> Response:
    """Say what this API is."""
    return answer(ABOUT)


async def read_customer(request: Request) -> Response:
    """Get one customer."""
    customer_id = request.path_params["id"]
    async with lent(request) as connection:
        row = await (await connection.execute(CUSTOMER, (TENANT_ID, customer_id))).fetchone()
        tags = await (await connection.execute(TAGS, (TENANT_ID, [customer_id]))).fetchall()
    if row is None:
        return Response(status_code=404)
    return answer({"success": True, "data": shown(row, tags)})


async def list_customers(request: Request) -> Response:
    """List the newest customers."""
    size = int(request.query_params["per_page"])
    async with lent(request) as connection:
        rows = await (await connection.execute(PAGE, (TENANT_ID, size))).fetchall()
        [[total]] = await (await connection.execute(TOTAL, (TENANT_ID,))).fetchall()
        ids = [row[0] for row in rows]
        tags = await (await connection.execute(TAGS, (TENANT_ID, ids))).fetchall()
    by_customer: dict[int, list[Row]] = defaultdict(list)
    for tag in tags:
        by_customer[tag[0]].append(tag)
    data = [shown(row, by_customer[row[0]]) for row in rows]
    position = first_page(str(request.url).partition("?")[0], size, len(rows), total)
    return answer({"success": True, "data": data, **position})


def shown(row: Row, tags: Sequence[Row]) -> dict[str, Any]:
    """A customer."""
    return {
        "id": row[0],
        "first_name": row[1],
        "last_name": row[2],
        "phone_number": row[3],
        "email": row[4],
        "date_of_birth": moment(row[5]),
        "gender": row[6],
        "country_name": row[7],
        "identity_number": row[8],
        "job": row[9],
        "address": row[10],
        "default_channel_id": row[11],
        "avatar_url": row[12],
        "related_user": None if row[13] is None else {"id": row[13], "name": row[14]},
        "created_at": moment(row[15]),
        "updated_at": moment(row[16]),
        "deleted_at": moment(row[17]),
        "tags": [
            {
                "id": tag[1],
                "tenant_id": tag[2],
                "name": tag[3],
                "color": tag[4],
                "created_at": moment(tag[5]),
                "updated_at": moment(tag[6]),
                "deleted_at": None,
            }
            for tag in tags
        ],
    }


def moment(seconds: int | None) -> datetime | None:
    """A time."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def first_page(url: str, size: int, count: int, total: int) -> dict[str, Any]:
    """Where the first of few pages is. What a cursor would say is left empty."""
    last = -(-total // size)
    pages = [f"{url}?per_page={size}&page={number}" for number in range(1, last + 1)]
    following = pages[1] if last > 1 else None
    return {
        "links": {"first": pages[0], "last": pages[-1], "prev": None, "next": following},
        "meta": {
            "current_page": 1,
            "from": 1,
            "last_page": last,
            "links": [
                {"url": None, "label": "&laquo; Previous", "active": False},
                *(
                    {"url": page, "label": str(number), "active": number == 1}
                    for number, page in enumerate(pages, 1)
                ),
                {"url": following, "label": "Next &raquo;", "active": False},
            ],
            "path": url,
            "per_page": size,
            "to": count,
            "total": total,
            "cursor": None,
            "has_more": following is not None,
        },
    }


app = Starlette(
    routes=[
        Route("/api", about),
        Route("/api/v1/customers", list_customers),
        Route("/api/v1/customers/{id:int}", read_customer),
    ],
    lifespan=connected,
)

if __name__ == "__main__":
    # uvicorn as we start it, with its own protocol class in place of ours.
    uvicorn.run(
        app,
        port=int(os.environ["BENCH_PORT"]),
        loop="auto",
        http="httptools",
        ws="none",
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,
    )

"""The same rows as the same JSON, as bare as Starlette and psycopg allow (docs: Starlette,
"Applications" and "Lifespan"; psycopg, "Asynchronous operations").

No token, no tenant, no rate limit, no metrics: what is left is what no check can be cheaper than.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import psycopg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flextell.api.shapes.customer import customer
from flextell.api.shapes.encoding import encode
from flextell.tenants.model import Customer, CustomerDetails, Tag

CONNECTIONS = 8  # as many as one of our nodes holds
TENANT_ID = 1
ABOUT = {"success": True, "data": {"name": "Flextell API", "version": "v0.0.1"}}
CUSTOMER = """
SELECT c.customer_id, c.created_at, c.updated_at, c.deleted_at, country.name, p.name,
       c.first_name, c.last_name, c.phone_number, c.email, c.date_of_birth, c.gender,
       c.country_id, c.identity_number, c.job, c.address, c.default_channel_id, c.avatar_url,
       c.person_id
FROM customers c
LEFT JOIN places country ON country.place_id = c.country_id
LEFT JOIN people p ON p.person_id = c.person_id
WHERE c.tenant_id = %s AND c.customer_id = %s AND c.deleted_at IS NULL
"""
TAGS = """
SELECT t.tag_id, t.tenant_id, t.name, t.color, t.created_at, t.updated_at
FROM customer_tags ct JOIN tags t ON t.tag_id = ct.tag_id
WHERE ct.customer_id = %s AND t.tenant_id = %s AND t.deleted_at IS NULL
ORDER BY t.name, t.tag_id
"""

Connections = asyncio.Queue[psycopg.AsyncConnection[Any]]


@asynccontextmanager
async def connected(app: Starlette) -> AsyncIterator[None]:
    """Hold connections while the application runs."""
    app.state.connections = Connections()
    for _ in range(CONNECTIONS):
        app.state.connections.put_nowait(
            await psycopg.AsyncConnection.connect(os.environ["BENCH_DATABASE"], autocommit=True)
        )
    yield


async def about(_: Request) -> Response:
    """Say what this API is."""
    return Response(orjson.dumps(ABOUT), media_type="application/json")


async def read_customer(request: Request) -> Response:
    """Get one customer."""
    customer_id = request.path_params["id"]
    connections: Connections = request.app.state.connections
    connection = await connections.get()
    try:
        row = await (await connection.execute(CUSTOMER, (TENANT_ID, customer_id))).fetchone()
        tags = await (await connection.execute(TAGS, (customer_id, TENANT_ID))).fetchall()
    finally:
        connections.put_nowait(connection)
    if row is None:
        return Response(status_code=404)
    found = Customer(
        customer_id=row[0],
        tenant_id=TENANT_ID,
        details=CustomerDetails(*row[6:]),
        country_name=row[4],
        related_user=None,
        tags=tuple(Tag(*tag) for tag in tags),
        created_at=row[1],
        updated_at=row[2],
        deleted_at=row[3],
    )
    body = encode({"success": True, "data": customer(found)})
    return Response(body, media_type="application/json")


app = Starlette(
    routes=[Route("/api", about), Route("/api/v1/customers/{id:int}", read_customer)],
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

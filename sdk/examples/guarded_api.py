"""Guard an API of your own with the server's access tokens, with FastAPI."""

import os
from typing import Annotated

from fastapi import Depends, FastAPI

from flextell_sdk.guard import Caller, Guard, Resource
from flextell_sdk.guard.fastapi import answer_refusals, guarded

guard = Guard(
    Resource(
        issuer="https://localhost:8443",
        audience="https://localhost:8443/api",
        client_id=os.environ["CLINIC_ID"],
        client_secret=os.environ["CLINIC_SECRET"],
        ca_file=".flextell-demo/ca.pem",
    )
)
app = FastAPI()
answer_refusals(app, guard)


@app.get("/customers")
async def customers(
    caller: Annotated[Caller, Depends(guarded(guard, "customers:read"))],
) -> dict[str, str]:
    return {"for": caller.subject}

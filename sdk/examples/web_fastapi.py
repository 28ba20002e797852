"""A web app in which people sign in, and which then acts for them, with FastAPI."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.middleware.sessions import SessionMiddleware

from flextell_sdk import (
    App,
    AsyncClient,
    Grant,
    Grants,
    InsufficientScope,
    SignIn,
    SignInAgain,
    SignInError,
    finish_sign_in,
)
from remembering import sealed, unsealed

flextell = App.from_file(
    "web-app.json",
    issuer="https://localhost:8443",
    ca_file=".flextell-demo/ca.pem",
    scope="openid account:read",
)
grants = Grants(flextell)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with grants:
        yield


app = FastAPI(lifespan=lifespan)
app.add_middleware(SessionMiddleware, secret_key=os.environ["SESSION_KEY"], https_only=True)


def send_away(request: Request, begun: SignIn) -> RedirectResponse:
    request.session["sign_in"] = sealed(begun.remembered)
    return RedirectResponse(begun.url, 303)


@app.get("/sign-in")
async def sign_in(request: Request) -> RedirectResponse:
    return send_away(request, await grants.start_sign_in_async())


@app.get("/callback")
async def callback(request: Request) -> RedirectResponse:
    code = finish_sign_in(request.url.query, unsealed(request.session.pop("sign_in", "")))
    grant = await grants.exchange_code_async(code)
    request.session["person"] = grant.name
    return RedirectResponse("/customers", 303)


def grant_of(request: Request) -> Grant:
    return grants.open(request.session.get("person", ""))


@app.get("/customers")
async def customers(request: Request) -> list[str]:
    client = AsyncClient(grant_of(request))
    return [customer.full_name async for customer in client.customers.list()]


@app.exception_handler(SignInAgain)
async def sign_in_again(request: Request, _: SignInAgain) -> RedirectResponse:
    return RedirectResponse("/sign-in", 303)


@app.exception_handler(InsufficientScope)
async def ask_for_more(request: Request, problem: InsufficientScope) -> RedirectResponse:
    grant = grant_of(request)
    return send_away(request, await grants.in_thread(lambda: grant.step_up(problem)))


@app.exception_handler(SignInError)
async def not_signed_in(_: Request, problem: SignInError) -> PlainTextResponse:
    return PlainTextResponse(f"You are not signed in. {problem}", 400)


@app.post("/sign-out")
async def sign_out(request: Request) -> RedirectResponse:
    await grants.in_thread(grant_of(request).sign_out)
    request.session.clear()
    return RedirectResponse("/sign-in", 303)

"""A web app in which people sign in, and which then acts for them, with Flask."""

import os

from flask import Flask, redirect, request, session
from werkzeug import Response

from flextell_sdk import (
    App,
    Client,
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

app = Flask(__name__)
app.secret_key = os.environ["SESSION_KEY"]
app.config.update(SESSION_COOKIE_SECURE=True, SESSION_COOKIE_SAMESITE="Lax")


def send_away(begun: SignIn) -> Response:
    session["sign_in"] = sealed(begun.remembered)
    return redirect(begun.url, 303)


@app.get("/sign-in")
def sign_in() -> Response:
    return send_away(grants.start_sign_in())


@app.get("/callback")
def callback() -> Response:
    code = finish_sign_in(request.query_string.decode(), unsealed(session.pop("sign_in", "")))
    session["person"] = grants.exchange_code(code).name
    return redirect("/customers", 303)


def grant_of_session() -> Grant:
    return grants.open(session.get("person", ""))


@app.get("/customers")
def customers() -> list[str]:
    client = Client(grant_of_session())
    return [customer.full_name for customer in client.customers.list()]


@app.errorhandler(SignInAgain)
def sign_in_again(_: SignInAgain) -> Response:
    return redirect("/sign-in", 303)


@app.errorhandler(InsufficientScope)
def ask_for_more(problem: InsufficientScope) -> Response:
    return send_away(grant_of_session().step_up(problem))


@app.errorhandler(SignInError)
def not_signed_in(problem: SignInError) -> tuple[str, int, dict[str, str]]:
    return f"You are not signed in. {problem}", 400, {"Content-Type": "text/plain"}


@app.post("/sign-out")
def sign_out() -> Response:
    grant_of_session().sign_out()
    session.clear()
    return redirect("/sign-in", 303)

"""Ask for little at first, and for more when the API says that it takes more."""

from flextell_sdk import App, Client, Grants, InsufficientScope, sign_in_here

app = App.from_file(".flextell-demo/terminal-app.json", scope="account:read")

with Grants(app) as grants:
    customers = Client(sign_in_here(app, "careful", grants=grants)).customers
    try:
        page = customers.list().first_page()
    except InsufficientScope as problem:
        sign_in_here(app, "careful", grants=grants, scope=" ".join(problem.scopes))
        page = customers.list().first_page()
    print(f"{page.total} customers")

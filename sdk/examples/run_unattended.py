"""Read the customers where no person is, as cron does: somebody has signed in before."""

import sys

from flextell_sdk import App, Client, Grants, SignInAgain, Unreachable

app = App.from_file(".flextell-demo/terminal-app.json")

with Grants(app) as grants:
    grant = grants.open("default")
    try:
        for customer in Client(grant).customers.list():
            print(customer.full_name)
    except SignInAgain as problem:
        sys.exit(f"{problem} Run call_the_api.py.")
    except Unreachable as problem:
        sys.exit(f"{problem} The next run may succeed.")

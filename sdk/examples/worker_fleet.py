"""Act for the people who are named on standard input: one of many workers, on any machine."""

import os
import sys

from sqlalchemy import create_engine

from flextell_sdk import App, Client, Grants, SignInAgain
from flextell_sdk.stores.sql import SqlStore

app = App.from_file(".flextell-demo/terminal-app.json")
store = SqlStore(create_engine(os.environ["DATABASE_URL"]))
store.create_table()

with Grants(app, store) as grants:
    for line in sys.stdin:
        name = line.strip()
        try:
            page = Client(grants.open(name)).customers.list().first_page()
            print(f"{name}: {page.total} customers")
        except SignInAgain as problem:
            print(f"{name}: {problem.why}")

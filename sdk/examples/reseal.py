"""Seal under the first key in FLEXTELL_TOKEN_KEY what is still sealed under another."""

import os

from sqlalchemy import create_engine

from flextell_sdk.stores.sql import SqlStore

store = SqlStore(create_engine(os.environ["DATABASE_URL"]))
print(f"Sealed under the new key: {store.reseal()}")

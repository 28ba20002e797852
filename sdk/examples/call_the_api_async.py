"""Sign in the person at this machine, and read their customers, with asyncio."""

import asyncio

from flextell_sdk import App, AsyncClient, Grants, sign_in_here

app = App.from_file(".flextell-demo/terminal-app.json")


async def main() -> None:
    async with Grants(app) as grants:
        grant = await grants.in_thread(lambda: sign_in_here(app, grants=grants))

        async for customer in AsyncClient(grant).customers.list():
            print(customer.full_name)


asyncio.run(main())

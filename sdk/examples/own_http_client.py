"""Put the grant's token on the requests of an httpx2 client of your own."""

import httpx2

from flextell_sdk import App, GrantAuth, sign_in_here

app = App.from_file(".flextell-demo/terminal-app.json")
auth = GrantAuth(sign_in_here(app))

with httpx2.Client(auth=auth, base_url=app.api_url, verify=app.trust()) as http:
    for customer in http.get("/v1/customers").raise_for_status().json()["data"]:
        print(customer["first_name"])

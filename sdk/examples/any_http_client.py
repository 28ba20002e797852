"""Put the grant's token on a request of whatever HTTP client you have."""

import json
from urllib.request import Request, urlopen

from flextell_sdk import App, sign_in_here

app = App.from_file(".flextell-demo/terminal-app.json")
grant = sign_in_here(app)

headers = {"Authorization": f"Bearer {grant.tokens().access_token}"}
with urlopen(Request(f"{app.api_url}/v1/customers", headers=headers), context=app.trust()) as said:
    for customer in json.load(said)["data"]:
        print(customer["first_name"])

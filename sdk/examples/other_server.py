"""Sign in at any OAuth 2.0 server and call its API; the code comes back by hand."""

from flextell_sdk import App, Client, Grants, finish_sign_in

app = App.from_file("other-server.json")

with Grants(app) as grants:
    begun = grants.start_sign_in()
    print("Open this address:", begun.url)
    back = input("Paste the address that your browser came to: ")
    grant = grants.exchange_code(finish_sign_in(back, begun.remembered))

    print(Client(grant).call("GET", "/me"))

"""Sign in the person at this machine, and read their customers."""

from flextell_sdk import App, Client, sign_in_here

app = App.from_file(".flextell-demo/terminal-app.json")
grant = sign_in_here(app)

for customer in Client(grant).customers.list():
    print(customer.full_name)

"""Take one page of a list, act in each business of the person, and meet an error."""

from flextell_sdk import ApiError, App, Client, sign_in_here

app = App.from_file(".flextell-demo/terminal-app.json")
client = Client(sign_in_here(app))

for tenant in client.account.tenants():
    page = client.in_tenant(tenant.id).customers.list(limit=5, sort_by="last_name").first_page()
    print(f"{tenant.name}: {len(page.items)} of {page.total} customers")

try:
    client.customers.get(10**9)
except ApiError as problem:
    print(problem.status, problem.error)

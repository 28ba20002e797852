"""What Alice has at the server: one business with two customers."""

import time
from uuid import uuid4

from flextell.accounts.passwords import new_hash
from flextell.store.port import Unit
from flextell.tenants.model import CustomerDetails, TenantDetails
from tests.together.server import ALICE, PASSWORD

TENANT = "Clinic am Markt"
LOGO = "https://clinic.example/logo.png"
CUSTOMERS = (
    CustomerDetails("Zoë", "Ångström", "+46 70 123 45 67", email="zoe@example.com"),
    CustomerDetails("Bob", "Builder", "+44 20 7946 0000"),
)
FIRST_NAMES = {customer.first_name for customer in CUSTOMERS}


def open_business(unit: Unit) -> None:
    """Let her sign in, and give it to her."""
    now = int(time.time())
    alice = unit.people.add(
        subject=str(uuid4()), email=ALICE, name="Alice", password_hash=new_hash(PASSWORD), now=now
    )
    tenant_id = unit.tenants.add(TenantDetails(TENANT, LOGO), now)
    unit.tenants.add_member(tenant_id, alice.person_id, "owner")
    for customer in CUSTOMERS:
        unit.customers.add(tenant_id, customer, now)

"""What Alice has at the server: one business with two customers."""

import time

from flextell.store.port import Unit
from flextell.tenants.model import CustomerDetails, TenantDetails
from tests.together.server import ALICE

TENANT = "Clinic am Markt"
LOGO = "https://clinic.example/logo.png"
CUSTOMERS = (
    CustomerDetails("Zoë", "Ångström", "+46 70 123 45 67", email="zoe@example.com"),
    CustomerDetails("Bob", "Builder", "+44 20 7946 0000"),
)
FIRST_NAMES = {customer.first_name for customer in CUSTOMERS}


def open_business(unit: Unit) -> None:
    """Give it to her."""
    alice, now = unit.people.by_email(ALICE), int(time.time())
    assert alice is not None
    tenant_id = unit.tenants.add(TenantDetails(TENANT, LOGO), now)
    unit.tenants.add_member(tenant_id, alice.person_id, "owner")
    for customer in CUSTOMERS:
        unit.customers.add(tenant_id, customer, now)

"""A business that never was, for `flextell demo`: nobody can be called or written to by mistake.

Phone numbers are of the range that Ofcom keeps free for drama; addresses end in example.com
(RFC 2606).
"""

from datetime import UTC, datetime
from typing import NamedTuple

from flextell.store.port import Unit
from flextell.tenants.model import CustomerDetails, Gender, TenantDetails, WorkHours

DAY = 24 * 60 * 60

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
OPEN = frozenset(WEEK[:5])


class Line(NamedTuple):
    """A customer as a person would write them down."""

    first_name: str
    last_name: str
    gender: Gender | None
    born: str
    job: str
    tag: str = ""


CUSTOMERS = (
    Line("Ada", "Whitfield", "female", "1988-03-14", "Architect", "VIP"),
    Line("Ben", "Okafor", "male", "1975-11-02", "Baker"),
    Line("Chloe", "Marsh", "female", "1994-07-21", "Student", "New"),
    Line("Deniz", "Öztürk", "female", "1981-01-30", "Translator", "VIP"),
    Line("Edgar", "Lindqvist", "male", "1962-05-09", "Retired teacher", "Recall"),
    Line("Fatima", "Rahman", "female", "1990-12-17", "Pharmacist"),
    Line("George", "Papadakis", "male", "1958-08-25", "Fisherman", "Recall"),
    Line("Hana", "Novotná", "female", "1997-02-11", "Illustrator", "New"),
    Line("Ivo", "Petrov", "male", "1984-10-06", "Electrician"),
    Line("Jasmine", "Clarke", "female", "1979-04-19", "Solicitor", "VIP"),
    Line("Kwame", "Mensah", "male", "1992-09-28", "Nurse"),
    Line("Leyla", "Çelik", "female", "1986-06-03", "Chef", "Recall"),
    Line("Marta", "Kowalska", "female", "1970-03-22", "Florist"),
    Line("Niall", "Byrne", "male", "1999-01-15", "Barista", "New"),
    Line("Olga", "Sørensen", "female", "1966-12-01", "Librarian"),
    Line("Pedro", "Almeida", "male", "1983-07-08", "Carpenter", "Recall"),
    Line("Quinn", "Foster", "other", "1995-05-27", "Sound engineer"),
    Line("Rosa", "Delgado", "female", "1973-11-13", "Veterinarian", "VIP"),
    Line("Samir", "Haddad", "male", "1989-08-30", "Taxi driver"),
    Line("Tess", "van Dijk", "female", "2001-04-04", "Apprentice", "New"),
    Line("Umut", "Şahin", "male", "1977-02-24", "Bookseller"),
    Line("Vera", "Lombardi", "female", "1955-10-18", "Retired nurse", "Recall"),
    Line("Will", "Ashworth", "male", "1991-06-29", "Postman"),
    Line("Xenia", "Moreau", "female", "1987-09-07", "Photographer", "VIP"),
    Line("Yusuf", "Demir", "male", "1968-01-05", "Tailor"),
)
TAGS = {"VIP": "#B7791F", "New": "#2F855A", "Recall": "#2B6CB0"}


def open_business(unit: Unit, owner_id: int, now: int) -> None:
    """Keep the business, its tags and its customers; the person `owner_id` runs it."""
    united_kingdom = unit.tenants.add_place("country", "United Kingdom")
    bristol = unit.tenants.add_place("city", "Bristol")
    tenant_id = unit.tenants.add(_business(united_kingdom, bristol), now)
    unit.tenants.add_member(tenant_id, owner_id, "owner")
    tags = {name: unit.tags.add(tenant_id, name, color, now) for name, color in TAGS.items()}
    for number, line in enumerate(CUSTOMERS):
        came = now - (len(CUSTOMERS) - number) * 9 * DAY
        details = _details(line, number, united_kingdom, owner_id)
        customer_id = unit.customers.add(tenant_id, details, came)
        if line.tag:
            unit.customers.put_tag(tenant_id, customer_id, tags[line.tag])


def _business(country_id: int, city_id: int) -> TenantDetails:
    return TenantDetails(
        name="Harbourside Dental",
        phone_number="+44 117 496 0100",
        address="12 Mariner's Row, Bristol",
        latitude="51.449",
        longitude="-2.598",
        services=("Check-ups", "Whitening", "Implants"),
        work_hours=tuple(WorkHours(day, day in OPEN, "09:00", "17:30") for day in WEEK),
        country_id=country_id,
        city_id=city_id,
    )


def _details(line: Line, number: int, country_id: int, owner_id: int) -> CustomerDetails:
    return CustomerDetails(
        first_name=line.first_name,
        last_name=line.last_name,
        phone_number=f"+44 7700 900{number + 100}",
        email=f"{line.first_name.lower()}@example.com",
        date_of_birth=int(datetime.fromisoformat(line.born).replace(tzinfo=UTC).timestamp()),
        gender=line.gender,
        country_id=country_id,
        job=line.job,
        person_id=owner_id,
    )

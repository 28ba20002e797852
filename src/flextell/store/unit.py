"""One unit of work: a transaction, and every part of the store in it."""

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

from flextell.store.blacklists import SqlBlacklists
from flextell.store.channels import SqlChannels
from flextell.store.clients import SqlClients
from flextell.store.codes import SqlCodes
from flextell.store.consents import SqlConsents
from flextell.store.conversations import SqlConversations
from flextell.store.customers import SqlCustomers
from flextell.store.deliveries import SqlDeliveries
from flextell.store.files import SqlFiles
from flextell.store.grants import SqlGrants
from flextell.store.kept_answers import SqlKeptAnswers
from flextell.store.members import SqlMembers
from flextell.store.messages import SqlMessages
from flextell.store.notes import SqlNotes
from flextell.store.people import SqlPeople, SqlSessions
from flextell.store.port import Unit
from flextell.store.rate_counts import SqlRateCounts
from flextell.store.refresh_tokens import SqlRefreshTokens
from flextell.store.restored import end_all_access, number_news_anew
from flextell.store.revocations import SqlRevocations
from flextell.store.signing_keys import SqlSigningKeys
from flextell.store.suggestions import SqlSuggestions
from flextell.store.sweep import sweep
from flextell.store.tags import SqlTags
from flextell.store.tenants import SqlTenants
from flextell.store.throttles import SqlThrottles
from flextell.store.transaction import Transaction, number_of

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")

CODE_RETENTION_SECONDS = 30 * 24 * 3600


def perform(work: Callable[[Unit], T], unit: Unit) -> T:
    """What the unit of work returns. A StopIteration is a bug that no future could carry."""
    try:
        return work(unit)
    except StopIteration as error:
        raise RuntimeError("A unit of work raised StopIteration.") from error


class SqlUnit:
    """`port.Unit`: the parts are made when they are first used, and hold no state of their own."""

    def __init__(
        self, transaction: Transaction, code_retention_seconds: int = CODE_RETENTION_SECONDS
    ) -> None:
        self._transaction = transaction
        self._code_retention_seconds = code_retention_seconds

    @cached_property
    def clients(self) -> SqlClients:
        return SqlClients(self._transaction)

    @cached_property
    def codes(self) -> SqlCodes:
        return SqlCodes(self._transaction)

    @cached_property
    def grants(self) -> SqlGrants:
        return SqlGrants(self._transaction)

    @cached_property
    def refresh_tokens(self) -> SqlRefreshTokens:
        return SqlRefreshTokens(self._transaction)

    @cached_property
    def revocations(self) -> SqlRevocations:
        return SqlRevocations(self._transaction)

    @cached_property
    def consents(self) -> SqlConsents:
        return SqlConsents(self._transaction)

    @cached_property
    def people(self) -> SqlPeople:
        return SqlPeople(self._transaction)

    @cached_property
    def sessions(self) -> SqlSessions:
        return SqlSessions(self._transaction)

    @cached_property
    def throttles(self) -> SqlThrottles:
        return SqlThrottles(self._transaction)

    @cached_property
    def rate_counts(self) -> SqlRateCounts:
        return SqlRateCounts(self._transaction)

    @cached_property
    def signing_keys(self) -> SqlSigningKeys:
        return SqlSigningKeys(self._transaction)

    @cached_property
    def tenants(self) -> SqlTenants:
        return SqlTenants(self._transaction)

    @cached_property
    def members(self) -> SqlMembers:
        return SqlMembers(self._transaction)

    @cached_property
    def customers(self) -> SqlCustomers:
        return SqlCustomers(self._transaction)

    @cached_property
    def tags(self) -> SqlTags:
        return SqlTags(self._transaction)

    @cached_property
    def notes(self) -> SqlNotes:
        return SqlNotes(self._transaction)

    @cached_property
    def files(self) -> SqlFiles:
        return SqlFiles(self._transaction)

    @cached_property
    def channels(self) -> SqlChannels:
        return SqlChannels(self._transaction)

    @cached_property
    def deliveries(self) -> SqlDeliveries:
        return SqlDeliveries(self._transaction)

    @cached_property
    def blacklists(self) -> SqlBlacklists:
        return SqlBlacklists(self._transaction)

    @cached_property
    def conversations(self) -> SqlConversations:
        return SqlConversations(self._transaction)

    @cached_property
    def messages(self) -> SqlMessages:
        return SqlMessages(self._transaction)

    @cached_property
    def suggestions(self) -> SqlSuggestions:
        return SqlSuggestions(self._transaction)

    @cached_property
    def kept_answers(self) -> SqlKeptAnswers:
        return SqlKeptAnswers(self._transaction)

    def within(self, *tenant_ids: int) -> None:
        self._transaction.within(tenant_ids)

    def hold(self, name: bytes) -> None:
        self._transaction.serialise(number_of(name))

    def both(self, first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
        return self._transaction.both(first, second)

    def sweep(self, now: int, most: int) -> int:
        return sweep(self._transaction, now, self._code_retention_seconds, most)

    def number_news_anew(self, now: int) -> None:
        number_news_anew(self._transaction, now)

    def end_all_access(self, now: int) -> int:
        return end_all_access(self._transaction, now)

"""What the store promises, in small protocols. HTTP knows these and nothing of SQL.

A unit of work is a synchronous function over one transaction: `store.write(work)` runs it off
the event loop, and when it returns, what it changed is durable (it survives `kill -9`). If it
raises, nothing of it is kept. Units are isolated as if they ran one after another wherever a
verb below says that it is atomic.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from flextell.accounts.model import Person, Session
from flextell.accounts.throttle import Count, Key
from flextell.oauth.grants.authorization_code import ClaimedCode
from flextell.oauth.grants.refresh_token import Presented
from flextell.oauth.keys import KeyRecord
from flextell.oauth.model import (
    AuthorizationCode,
    Client,
    Consent,
    Digest,
    Grant,
    RefreshToken,
)
from flextell.tenants.agent import Agent
from flextell.tenants.blacklists import Block, BlockQuery, BlockTerms
from flextell.tenants.channels import Channel, ChannelQuery, ChannelWish, SealedSecret
from flextell.tenants.conversations import Conversation, ConversationQuery
from flextell.tenants.customers import CustomerQuery
from flextell.tenants.deliveries import Delivery, End
from flextell.tenants.files import File, Fileable, FileQuery, NewFile
from flextell.tenants.lists import ListQuery
from flextell.tenants.members import Member, MemberQuery
from flextell.tenants.messages import Draft, Message
from flextell.tenants.model import (
    Customer,
    CustomerDetails,
    Membership,
    PlaceKind,
    Tag,
    Tenant,
    TenantDetails,
)
from flextell.tenants.notes import Note
from flextell.tenants.paging import Found, Window
from flextell.tenants.suggestions import Draft as SuggestionDraft
from flextell.tenants.suggestions import State, Suggestion

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")


class StoreUnavailable(Exception):
    """The database cannot be used now; the text is one sentence saying what to do."""


class StoreBusy(StoreUnavailable):
    """Somebody else holds the database for too long; trying again helps."""


class StoreAway(StoreUnavailable):
    """Nobody answers where the database should be."""

    def __init__(self) -> None:
        super().__init__(
            "The database cannot be reached; check that it runs and that its URL is right."
        )


class StoreFull(StoreUnavailable):
    """There is no room left to write."""


class Duplicate(Exception):
    """A value that must be unique is taken; the text names it."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """One item of news: a whole grant, or one access token by its `jti`, is over."""

    sequence: int
    name: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class RateCount:
    """How many requests one process counted under a key, which nobody needs after a time."""

    key: bytes
    count: int
    expires_at: int


class Clients(Protocol):
    """Registered applications."""

    def get(self, client_id: str) -> Client | None:
        """The client, unless it was deleted."""

    def all(self) -> list[Client]:
        """Every client that was not deleted, oldest first."""

    def add(self, client: Client) -> None:
        """Keep a new client."""

    def replace_secret(self, client_id: str, secret_digest: Digest) -> bool:
        """Give the client another secret; the old one is void at once. False if there is none."""

    def delete(self, client_id: str, now: int) -> bool:
        """Take the client away. False if there is none."""


class Codes(Protocol):
    """Authorization codes."""

    def put(self, code: AuthorizationCode) -> None:
        """Keep a new code."""

    def claim(self, digest: Digest, now: int) -> ClaimedCode | None:
        """The code, and whether this call was the first to claim it.

        Atomic: of any number of callers, exactly one is told that it was first.
        """

    def forget(self, *, subject: str | None = None, client_id: str | None = None) -> None:
        """Void the unused codes of a person, of a client, or of both."""


class Grants(Protocol):
    """What people allowed clients."""

    def add(self, grant: Grant) -> None:
        """Keep a new grant."""

    def get(self, grant_id: str) -> Grant | None:
        """The grant, ended or not."""

    def end(self, grant_id: str, reason: str, now: int, forget_at: int) -> bool:
        """End the grant and tell every node. False if it had ended or never was.

        Atomic against `RefreshTokens.present`: whichever is second sees the first.
        `forget_at` is when the last of its access tokens has expired.
        """

    def living(self, *, subject: str | None = None, client_id: str | None = None) -> list[Grant]:
        """The grants of a person, of a client, or of both that have not ended."""


class RefreshTokens(Protocol):
    """Refresh tokens, one row a generation; rows are only added."""

    def present(self, digest: Digest) -> Presented | None:
        """The token, its grant and its successor, held still until the unit ends.

        Atomic: units that present tokens of one grant, or end it, run one after another.
        """

    def put(self, token: RefreshToken) -> None:
        """Keep a new generation. There can be one of each number in a grant."""

    def note_received(self, seen: Iterable[tuple[str, int]], now: int) -> None:
        """Note that access tokens of these (grant_id, generation) were seen in use."""


class Revocations(Protocol):
    """The news of what is over, in the order in which it became so."""

    def add(self, name: str, expires_at: int, now: int) -> None:
        """Tell every node that this `jti` is over."""

    def since(self, sequence: int, most: int | None = None) -> list[Revocation]:
        """The news after a number, oldest first, all of it or the first `most`.

        No item ever appears below one already read.
        """

    def any_of(self, names: Sequence[str]) -> bool:
        """Whether one of these grants or `jti`s is over: the answer of last resort."""


class Consents(Protocol):
    """What people said yes to, remembered."""

    def get(self, subject: str, client_id: str) -> Consent | None:
        """What this person allowed this client so far."""

    def put(self, consent: Consent) -> None:
        """Remember the answer in place of the one before."""

    def forget(self, subject: str, client_id: str) -> None:
        """The next request asks again."""


class People(Protocol):
    """Those who can sign in."""

    def by_email(self, email: str) -> Person | None:
        """The person with this normalised address, disabled ones included."""

    def by_subject(self, subject: str) -> Person | None:
        """The person that tokens name so."""

    def all(self) -> list[Person]:
        """Everyone, oldest first."""

    def add(
        self,
        *,
        subject: str,
        email: str,
        name: str,
        password_hash: str,
        now: int,
        managed_by: int | None = None,
    ) -> Person:
        """A new person. Raises Duplicate if the address is taken.

        `managed_by` is the tenant that may say who they are, until another one has them too.
        """

    def rename(self, person_id: int, *, email: str, name: str) -> None:
        """Another name and address. Raises Duplicate if the address is taken.

        Atomic: of any number of units that take one address, `add` included, one gets it.
        """

    def set_password_hash(self, person_id: int, password_hash: str) -> None:
        """Replace the hash, as when its parameters are outdated."""

    def note_sign_in(self, person_id: int, address: str, now: int) -> None:
        """Remember when they last signed in, and from where."""

    def sign_out(self, person_id: int) -> None:
        """Their sessions and their unused codes are gone."""

    def disable(self, person_id: int, now: int) -> None:
        """They can no longer sign in; their sessions and their unused codes are gone."""


class Sessions(Protocol):
    """Browsers in which somebody is signed in."""

    def get(self, digest: bytes) -> tuple[Session, Person] | None:
        """The session and its person, if the person is not disabled."""

    def put(self, session: Session) -> None:
        """Keep a new session."""

    def note_use(self, digest: bytes, now: int) -> None:
        """Move the end of its idle time."""

    def end(self, digest: bytes) -> None:
        """Forget the session."""


class Throttles(Protocol):
    """Counts of wrong passwords."""

    def counts(self, keys: Sequence[Key]) -> dict[Key, Count]:
        """The count of each key; keys never counted have an empty one. Waits for nobody."""

    def hold(self, keys: Sequence[Key]) -> dict[Key, Count]:
        """The same, held still until the unit ends.

        Atomic: units that hold a key in common run one after another; others do not wait.
        """

    def put(self, counts: Mapping[Key, Count]) -> None:
        """Replace these counts."""

    def forget(self, keys: Sequence[Key]) -> None:
        """Somebody got in: start over."""


class RateCounts(Protocol):
    """How often each caller asked, as processes that share the database tell each other."""

    def exchange(self, process: bytes, counts: Sequence[RateCount]) -> dict[bytes, int]:
        """Tell what this process counted; what all others told under the same keys, if anything.

        A process tells its whole count each time, so telling twice is telling once. No unit waits
        for another. What was told may be lost in a crash of the database.
        """


class SigningKeys(Protocol):
    """Keys that sign tokens, private halves encrypted."""

    def all(self) -> list[KeyRecord]:
        """Every key still kept, oldest first."""

    def hold(self) -> None:
        """Let no other unit change keys until this one ends: two nodes make one new key."""

    def add(self, record: KeyRecord) -> None:
        """Keep a new key."""

    def retire(self, kid: str, published_until: int) -> None:
        """Say when an old key leaves the published set."""


class Tenants(Protocol):
    """Businesses and who belongs to them."""

    def memberships(self, subject: str) -> tuple[Membership, ...] | None:
        """Where the person may act; None if nobody is named so or they are disabled.

        Those who were switched off or removed may not.
        """

    def of_person(self, subject: str, window: Window) -> Found[Tenant]:
        """The tenants the person belongs to, oldest first."""

    def add(self, details: TenantDetails, now: int) -> int:
        """Keep a new tenant; say its id."""

    def exists(self, tenant_id: int) -> bool:
        """Whether there is such a tenant."""

    def add_member(self, tenant_id: int, person_id: int, role: str) -> None:
        """Let a person belong to a tenant, or give a member these roles in place of others.

        `role` is one name, or several with spaces between. Whoever was switched off or removed
        is back.
        """

    def get(self, tenant_id: int) -> Tenant | None:
        """The tenant."""

    def put(self, tenant_id: int, details: TenantDetails, now: int) -> None:
        """Replace what the tenant says of itself."""

    def member(self, tenant_id: int, subject: str) -> int | None:
        """The id of the person, if they belong to the tenant."""

    def add_place(self, kind: PlaceKind, name: str) -> int:
        """Keep a place that tenants and customers can refer to; say its id."""

    def is_place(self, kind: PlaceKind, place_id: int) -> bool:
        """Whether there is such a place."""


class Members(Protocol):
    """Who belongs to a tenant. No verb reaches beyond the tenant it is given."""

    def hold(self, tenant_id: int) -> None:
        """Let no other unit that holds this tenant's members pass until this one ends."""

    def get(self, tenant_id: int, person_id: int) -> Member | None:
        """The member, unless there is none in this tenant or they were removed."""

    def find(self, tenant_id: int, query: MemberQuery) -> Found[Member]:
        """The part of the list that was asked for. Rows of equal sort value go by id."""

    def owners(self, tenant_id: int) -> frozenset[int]:
        """The persons who are owners and may act."""

    def put(self, member: Member, now: int) -> None:
        """Keep what a tenant says of a member, a new one or in place of what it said before.

        Who the person is (name, address) is not kept here: see `People.rename`.
        """


class Customers(Protocol):
    """Customers and their tags. No verb reaches beyond the tenant it is given."""

    def get(self, tenant_id: int, customer_id: int) -> Customer | None:
        """The customer, unless there is none in this tenant or it was deleted."""

    def find(self, tenant_id: int, query: CustomerQuery) -> Found[Customer]:
        """The part of the list that was asked for. Rows of equal sort value go by id."""

    def add(self, tenant_id: int, details: CustomerDetails, now: int) -> int:
        """Keep a new customer; say its id.

        Raises OutsideTenant if the person who looks after them is no member.
        """

    def delete(self, tenant_id: int, customer_id: int, now: int) -> bool:
        """Hide the customer, but from those who ask for deleted ones. False if there is none."""

    def put(self, customer: Customer, now: int) -> None:
        """Replace the details of a customer who is there.

        Raises OutsideTenant if somebody else is to look after them who is no member.
        """

    def by_phone_number(self, tenant_id: int, phone_number: str) -> int | None:
        """The oldest customer with exactly this number; None if nobody has it."""

    def restore(self, tenant_id: int, customer_id: int, now: int) -> bool:
        """Show a deleted customer again. False if there is none that was deleted."""

    def put_tag(self, tenant_id: int, customer_id: int, tag_id: int) -> None:
        """Put a tag on a customer; twice is once. Raises OutsideTenant if one is not theirs."""

    def take_tag(self, tenant_id: int, customer_id: int, tag_id: int) -> None:
        """Take a tag off a customer, if it is there."""

    def set_tags(self, tenant_id: int, customer_id: int, tag_ids: Collection[int]) -> None:
        """Let a customer have these tags and no others, not even deleted ones that may come back.

        Raises OutsideTenant as `put_tag` does.
        """


class Tags(Protocol):
    """Tags. No verb reaches beyond the tenant it is given; a living name is there once."""

    def find(self, tenant_id: int, query: ListQuery) -> Found[Tag]:
        """The part of the list that was asked for."""

    def get(self, tenant_id: int, tag_id: int, *, trashed: bool = False) -> Tag | None:
        """The tag, unless there is none in this tenant; a deleted one only if asked for."""

    def add(self, tenant_id: int, name: str, color: str, now: int) -> int:
        """Keep a new tag; say its id.

        Atomic: of several with one name, all but the first raise NameTaken.
        """

    def change(self, tenant_id: int, tag_id: int, changes: Mapping[str, Any], now: int) -> None:
        """Change `name` or `color`. Raises NameTaken."""

    def delete(self, tenant_id: int, tag_id: int, now: int) -> bool:
        """Hide the tag, also from the customers who have it. False if there is none."""

    def restore(self, tenant_id: int, tag_id: int, now: int) -> bool:
        """Show a deleted tag again. False if there is none that was deleted. Raises NameTaken."""


class Notes(Protocol):
    """Notes about customers. No verb reaches beyond the tenant and the customer it is given."""

    def find(self, tenant_id: int, customer_id: int, query: ListQuery) -> Found[Note]:
        """The part of the list that was asked for."""

    def get(
        self, tenant_id: int, customer_id: int, note_id: int, *, trashed: bool = False
    ) -> Note | None:
        """The note, unless there is none; a deleted one only if asked for."""

    def add(self, tenant_id: int, customer_id: int, person_id: int, content: str, now: int) -> int:
        """Keep a new note; say its id.

        Raises OutsideTenant unless it is about a customer of this tenant, and a member's.
        """

    def put(self, tenant_id: int, note: Note, now: int) -> None:
        """Replace content and author of a note that is there."""

    def delete(self, tenant_id: int, customer_id: int, note_id: int, now: int) -> bool:
        """Hide the note. False if there is none."""

    def restore(self, tenant_id: int, customer_id: int, note_id: int, now: int) -> bool:
        """Show a deleted note again. False if there is none that was deleted."""


@dataclass(frozen=True, slots=True)
class LooseContent:
    """Bytes that no file names, or that of a deleted one."""

    tenant_id: int
    stored_as: str


class Files(Protocol):
    """What is known of files, and which of their bytes are to go.

    Bytes are in another place and are never there unknown: they are expected before they are put
    there, and forgotten after they are gone. `due` is a sweep's; no other verb reaches beyond the
    tenant it is given.
    """

    def expect(self, tenant_id: int, stored_as: str, remove_at: int) -> None:
        """Bytes are about to come under this name, and are to go at that time if no file is added
        with them."""

    def add(self, tenant_id: int, new: NewFile, most_bytes: int, now: int) -> int:
        """Keep a new file with bytes that were expected; say its id.

        Raises NoRoom if the tenant's bytes would be more than `most_bytes`; 0: as many as it likes.
        Atomic: of any number of units that add, those go in for whom there is room.
        """

    def get(self, tenant_id: int, file_id: int) -> File | None:
        """The file, unless there is none in this tenant or it was deleted."""

    def several(self, tenant_id: int, file_ids: Collection[int]) -> dict[int, File]:
        """Those of these files that the tenant has and that were not deleted, by id."""

    def find(self, tenant_id: int, query: FileQuery) -> Found[File]:
        """The part of the list that was asked for. Rows of equal sort value go by id."""

    def grouped(self, tenant_id: int, fileable: Fileable, window: Window) -> Found[File]:
        """The files of something, group by group; a part may end amid a group."""

    def delete(self, tenant_id: int, file_id: int, now: int, remove_at: int) -> bool:
        """Hide the file, but from those who ask for deleted ones; its bytes are to go later, and
        take room until then. False if there is none."""

    def due(self, now: int, most: int) -> list[LooseContent]:
        """Bytes that are to be gone by now, the oldest first, of every tenant."""

    def forget(self, content: LooseContent) -> None:
        """The bytes are gone: nothing names them any more, and they take no room."""


class Channels(Protocol):
    """Channels of tenants. Only `by_id` and `any_secret` reach beyond one tenant."""

    def get(self, tenant_id: int, channel_id: int) -> Channel | None:
        """The channel, active or not."""

    def by_id(self, channel_id: int) -> Channel | None:
        """The channel of whatever tenant: for who proves to be it, and for the command line."""

    def any_secret(self) -> bool:
        """Whether any channel of any tenant has a secret, which only one master key opens."""

    def find(self, tenant_id: int, query: ChannelQuery) -> Found[Channel]:
        """The part of the list that was asked for, the oldest first."""

    def add(self, tenant_id: int, wish: ChannelWish, now: int) -> int:
        """Keep a new channel, without a secret yet; say its id.

        Raises OutsideTenant if there is no such tenant.
        """

    def put_secret(self, tenant_id: int, channel_id: int, secret: SealedSecret, now: int) -> None:
        """Replace the secrets."""

    def set_webhook(self, tenant_id: int, channel_id: int, url: str | None, now: int) -> None:
        """Deliver to this URL from now on, also if the webhook was off; None: deliver nothing."""

    def switch_webhook_off(self, tenant_id: int, channel_id: int, url: str, now: int) -> None:
        """Deliver nothing more to this URL; if there is another one by now, nothing changes."""


class Deliveries(Protocol):
    """What is on its way to the webhooks of channels."""

    def add(self, tenant_id: int, channel_id: int, kind: str, body: str, now: int) -> int | None:
        """Keep a new delivery, due at once; say its id. None if nothing is delivered there now.

        To be called in the unit that keeps what it tells of: both are kept, or neither.
        """

    def waiting(self, now: int, most: int) -> list[int]:
        """Tenants for whom something is due, those first who have waited longest."""

    def lease(self, tenant_id: int, now: int, most: int, until: int) -> list[Delivery]:
        """Take on up to so many that are due, the oldest first, each for one more attempt.

        Atomic: of any number of callers exactly one gets each. What has not ended until then is
        due again, for a node may have died with it.
        """

    def again(self, delivery: Delivery, status: int | None, next_at: int) -> None:
        """Let it be due again then, unless somebody else has taken it on since."""

    def end(self, delivery: Delivery, end: End, status: int | None, now: int) -> None:
        """Say what it came to. Of a delivery that others took on since, only that it is done."""


class Conversations(Protocol):
    """Conversations. No verb reaches beyond the tenant it is given."""

    def get(self, tenant_id: int, conversation_id: int, now: int) -> Conversation | None:
        """The conversation as it stands at this time: its newest message, agent and block."""

    def hold(self, tenant_id: int, conversation_id: int, now: int) -> Conversation | None:
        """The same, held still until the unit ends.

        Atomic: units that hold one conversation run one after another, so its messages are
        numbered in the order in which they become visible.
        """

    def at(self, tenant_id: int, channel_id: int, address: str) -> int | None:
        """The id of the conversation with this normalised address on a channel."""

    def find(self, tenant_id: int, query: ConversationQuery, now: int) -> Found[Conversation]:
        """The part of the list that was asked for, the one with the newest message first."""

    def add(
        self, tenant_id: int, channel_id: int, address: str, customer_id: int, now: int
    ) -> int | None:
        """Keep a new conversation; say its id. None if the channel has one with this address.

        Atomic: of any number of callers with one address, exactly one is told an id. None also if
        the channel or the customer is not the tenant's.
        """

    def set_agent(self, tenant_id: int, conversation_id: int, agent: Agent) -> None:
        """Switch the agent off or on, in a unit that holds the conversation."""

    def mark_read(self, tenant_id: int, conversation_id: int, now: int) -> None:
        """Note that our side has read everything, in a unit that holds the conversation."""


class Messages(Protocol):
    """What was said in conversations. No verb reaches beyond the tenant it is given."""

    def get(self, tenant_id: int, conversation_id: int, message_id: int) -> Message | None:
        """The message, deleted or not, unless there is none in this conversation."""

    def find(self, tenant_id: int, conversation_id: int, window: Window) -> Found[Message]:
        """The part of a conversation that was asked for, newest first, deleted ones included."""

    def add(
        self, tenant_id: int, conversation_id: int, channel_id: int, draft: Draft, now: int
    ) -> int | None:
        """Keep a message and count it, in a unit that holds the conversation; say its id.

        None if the channel has a message of this `external_id`: it came before.
        """

    def known(self, tenant_id: int, conversation_id: int, ids: Collection[int]) -> frozenset[int]:
        """Those of these ids that messages of this conversation have."""

    def exists(self, tenant_id: int, message_id: int) -> bool:
        """Whether any conversation of the tenant has this message, and it was not deleted."""

    def attach(self, tenant_id: int, message_id: int, file_id: int) -> None:
        """Let a file go with a message, in the unit that keeps both."""

    def edit(self, message: Message, tenant_id: int, text: str, person_id: int, now: int) -> None:
        """Replace the text, unless the message was deleted."""

    def delete(self, message: Message, tenant_id: int, person_id: int, now: int) -> None:
        """Mark the message as deleted; it keeps its place and is still counted."""


class Suggestions(Protocol):
    """What the AI suggests to answer. No verb reaches beyond the tenant it is given."""

    def latest(self, tenant_id: int, conversation_id: int) -> Suggestion | None:
        """The newest suggestion of a conversation, whatever became of it."""

    def put(
        self,
        tenant_id: int,
        conversation_id: int,
        draft: SuggestionDraft,
        after_message_id: int | None,
        now: int,
    ) -> None:
        """Keep a new suggestion, in a unit that holds the conversation; it supersedes the last."""

    def close(
        self,
        tenant_id: int,
        suggestion_id: int,
        state: State,
        now: int,
        *,
        final_text: str | None = None,
        message_id: int | None = None,
    ) -> bool:
        """Say what became of a pending suggestion. False if it is not pending.

        Atomic: of any number of callers, exactly one is told True.
        """


class Blacklists(Protocol):
    """Blocked customers. No verb reaches beyond the tenant it is given."""

    def get(self, tenant_id: int, block_id: int) -> Block | None:
        """The block, in force or not."""

    def find(self, tenant_id: int, query: BlockQuery) -> Found[Block]:
        """The part of the list that was asked for, newest first."""

    def add(
        self, tenant_id: int, channel_id: int, customer_id: int, terms: BlockTerms, now: int
    ) -> int:
        """Block a customer on a channel; say the id of the block.

        Atomic: of any number of callers, one blocks. Raises BlockedAlready, and OutsideTenant if
        the channel or the customer is not the tenant's.
        """

    def change(self, block: Block, terms: BlockTerms, now: int) -> None:
        """Give a block other terms. Raises BlockedAlready if another is in force, OutsideTenant
        if the customer is gone."""

    def count_dropped(self, tenant_id: int, block_id: int) -> None:
        """Count a message that a blocked customer sent."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """How a request was answered: what it asked, the status, `Location`, and the body."""

    fingerprint: bytes
    status: int
    location: str | None
    body: bytes


class KeptAnswers(Protocol):
    """Answers to requests that carried an Idempotency-Key."""

    def claim(
        self, name: bytes, fingerprint: bytes, now: int, expires_at: int
    ) -> KeptAnswer | None:
        """None if this unit is the first with the name, and is to `keep` the answer; else that.

        Atomic: of any number of units with one name, one is first, and the others wait for it.
        """

    def keep(self, name: bytes, status: int, location: str | None, body: bytes) -> None:
        """Keep the answer, in the unit that claimed the name."""


class Unit(Protocol):
    """One transaction, with every part of the store in it."""

    @property
    def clients(self) -> Clients: ...
    @property
    def codes(self) -> Codes: ...
    @property
    def grants(self) -> Grants: ...
    @property
    def refresh_tokens(self) -> RefreshTokens: ...
    @property
    def revocations(self) -> Revocations: ...
    @property
    def consents(self) -> Consents: ...
    @property
    def people(self) -> People: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def throttles(self) -> Throttles: ...
    @property
    def rate_counts(self) -> RateCounts: ...
    @property
    def signing_keys(self) -> SigningKeys: ...
    @property
    def tenants(self) -> Tenants: ...
    @property
    def members(self) -> Members: ...
    @property
    def customers(self) -> Customers: ...
    @property
    def tags(self) -> Tags: ...
    @property
    def notes(self) -> Notes: ...
    @property
    def files(self) -> Files: ...
    @property
    def channels(self) -> Channels: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def conversations(self) -> Conversations: ...
    @property
    def messages(self) -> Messages: ...
    @property
    def suggestions(self) -> Suggestions: ...
    @property
    def blacklists(self) -> Blacklists: ...
    @property
    def kept_answers(self) -> KeptAnswers: ...

    def within(self, *tenant_ids: int) -> None:
        """From here to its end this unit sees and changes the rows of these tenants only.

        The second wall, behind the conditions of each statement; it may be drawn closer, never
        wider, which is a bug. SQLite has no such wall.
        """

    def hold(self, name: bytes) -> None:
        """Let no other unit that holds the same name, a digest, pass until this one ends."""

    def both(self, first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
        """What two functions return that only ask, and do not need each other's answer.

        Where the way to the database is long they ask at the same time.
        """

    def sweep(self, now: int, most: int) -> int:
        """Delete up to `most` rows of each kind that nobody needs after `now`; say how many.

        A unit that sweeps does nothing else: what it did may be undone by a crash.
        """

    def number_news_anew(self, now: int) -> None:
        """After a restore: give the next revocation a number that nobody can have seen."""

    def end_all_access(self, now: int) -> int:
        """After a restore: end every grant, session, code and signing key; how many grants."""


class Store(Protocol):
    """A database, seen from an event loop or from a plain thread.

    `brief` work is asked for by many at once and may share its transaction with others'. It asks
    the store and little else: it may run on the event loop, and neither waits nor computes there.
    """

    async def write(self, work: Callable[[Unit], T], *, brief: bool = False) -> T:
        """Run a unit of work that may change things. Raises StoreUnavailable."""

    async def read(self, work: Callable[[Unit], T], *, brief: bool = False) -> T:
        """Run a unit of work that only reads. Raises StoreUnavailable."""

    def at_once(self, work: Callable[[Unit], T]) -> T:
        """The same as `write` in this thread, for the command line. Raises StoreUnavailable."""

    def waiting(self) -> int:
        """How many units of work wait for their turn."""

    def close(self) -> None:
        """Finish what was begun and let go of the database."""

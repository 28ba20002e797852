"""What the store promises of channels, and of what is said to customers through them."""

from collections.abc import Collection
from typing import Protocol

from flextell.tenants.agent import Agent
from flextell.tenants.blacklists import Block, BlockQuery, BlockTerms
from flextell.tenants.channels import Channel, ChannelQuery, ChannelWish, SealedSecret
from flextell.tenants.conversations import Conversation, ConversationQuery
from flextell.tenants.deliveries import Delivery, End
from flextell.tenants.messages import Draft, Message
from flextell.tenants.paging import Found, Window
from flextell.tenants.suggestions import Draft as SuggestionDraft
from flextell.tenants.suggestions import State, Suggestion


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

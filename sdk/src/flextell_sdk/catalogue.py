"""Which operation is which method of a client: a row each, once for threads and once for tasks."""

from flextell_sdk.api import operations
from flextell_sdk.parts import AsyncCalls, AsyncLists, AsyncPart, Calls, Lists, Part


class Account(Part):
    """What belongs to the person."""

    tenants = Lists(operations.list_tenants)
    me = Calls(operations.get_me)
    roles = Calls(operations.get_my_roles)


class AsyncAccount(AsyncPart):
    """As `Account`, for tasks."""

    tenants = AsyncLists(operations.list_tenants)
    me = AsyncCalls(operations.get_me)
    roles = AsyncCalls(operations.get_my_roles)


class Customers(Part):
    """The customers of the tenant."""

    list = Lists(operations.list_customers)
    create = Calls(operations.create_customer)
    get = Calls(operations.get_customer)
    update = Calls(operations.update_customer)
    delete = Calls(operations.delete_customer)
    restore = Calls(operations.restore_customer)
    put_tag = Calls(operations.put_customer_tag)
    delete_tag = Calls(operations.delete_customer_tag)


class AsyncCustomers(AsyncPart):
    """As `Customers`, for tasks."""

    list = AsyncLists(operations.list_customers)
    create = AsyncCalls(operations.create_customer)
    get = AsyncCalls(operations.get_customer)
    update = AsyncCalls(operations.update_customer)
    delete = AsyncCalls(operations.delete_customer)
    restore = AsyncCalls(operations.restore_customer)
    put_tag = AsyncCalls(operations.put_customer_tag)
    delete_tag = AsyncCalls(operations.delete_customer_tag)


class Notes(Part):
    """The notes about a customer."""

    list = Lists(operations.list_notes)
    create = Calls(operations.create_note)
    get = Calls(operations.get_note)
    update = Calls(operations.update_note)
    delete = Calls(operations.delete_note)
    restore = Calls(operations.restore_note)


class AsyncNotes(AsyncPart):
    """As `Notes`, for tasks."""

    list = AsyncLists(operations.list_notes)
    create = AsyncCalls(operations.create_note)
    get = AsyncCalls(operations.get_note)
    update = AsyncCalls(operations.update_note)
    delete = AsyncCalls(operations.delete_note)
    restore = AsyncCalls(operations.restore_note)


class Tags(Part):
    """The tags of the tenant."""

    list = Lists(operations.list_tags)
    create = Calls(operations.create_tag)
    get = Calls(operations.get_tag)
    update = Calls(operations.update_tag)
    delete = Calls(operations.delete_tag)
    restore = Calls(operations.restore_tag)


class AsyncTags(AsyncPart):
    """As `Tags`, for tasks."""

    list = AsyncLists(operations.list_tags)
    create = AsyncCalls(operations.create_tag)
    get = AsyncCalls(operations.get_tag)
    update = AsyncCalls(operations.update_tag)
    delete = AsyncCalls(operations.delete_tag)
    restore = AsyncCalls(operations.restore_tag)


class Business(Part):
    """The business that a call acts in."""

    get = Calls(operations.get_tenant)
    update = Calls(operations.update_tenant)


class Users(Part):
    """The people who work in the business."""

    list = Lists(operations.list_users)
    create = Calls(operations.create_user)
    get = Calls(operations.get_user)
    update = Calls(operations.update_user)
    delete = Calls(operations.delete_user)
    roles = Lists(operations.list_user_roles)
    replace_roles = Calls(operations.replace_user_roles)


class Roles(Part):
    """The roles there are."""

    list = Lists(operations.list_roles)
    get = Calls(operations.get_role)


class AsyncBusiness(AsyncPart):
    """As `Business`, for tasks."""

    get = AsyncCalls(operations.get_tenant)
    update = AsyncCalls(operations.update_tenant)


class AsyncUsers(AsyncPart):
    """As `Users`, for tasks."""

    list = AsyncLists(operations.list_users)
    create = AsyncCalls(operations.create_user)
    get = AsyncCalls(operations.get_user)
    update = AsyncCalls(operations.update_user)
    delete = AsyncCalls(operations.delete_user)
    roles = AsyncLists(operations.list_user_roles)
    replace_roles = AsyncCalls(operations.replace_user_roles)


class AsyncRoles(AsyncPart):
    """As `Roles`, for tasks."""

    list = AsyncLists(operations.list_roles)
    get = AsyncCalls(operations.get_role)


class Files(Part):
    """The files of the business."""

    list = Lists(operations.list_files)
    create = Calls(operations.create_file)
    get = Calls(operations.get_file)
    delete = Calls(operations.delete_file)
    of_customer = Lists(operations.list_customer_files)
    create_for_customer = Calls(operations.create_customer_file)


class AsyncFiles(AsyncPart):
    """As `Files`, for tasks."""

    list = AsyncLists(operations.list_files)
    create = AsyncCalls(operations.create_file)
    get = AsyncCalls(operations.get_file)
    delete = AsyncCalls(operations.delete_file)
    of_customer = AsyncLists(operations.list_customer_files)
    create_for_customer = AsyncCalls(operations.create_customer_file)


class Conversations(Part):
    """Conversations with customers."""

    list = Lists(operations.list_conversations)
    create = Calls(operations.create_conversation)
    get = Calls(operations.get_conversation)
    read = Calls(operations.read_conversation)
    agent = Calls(operations.get_agent)
    disable_agent = Calls(operations.disable_agent)
    enable_agent = Calls(operations.enable_agent)
    suggestion = Calls(operations.get_suggestion)
    suggest = Calls(operations.put_suggestion)
    dismiss_suggestion = Calls(operations.dismiss_suggestion)
    send_suggestion = Calls(operations.send_suggestion)


class AsyncConversations(AsyncPart):
    """As `Conversations`, for tasks."""

    list = AsyncLists(operations.list_conversations)
    create = AsyncCalls(operations.create_conversation)
    get = AsyncCalls(operations.get_conversation)
    read = AsyncCalls(operations.read_conversation)
    agent = AsyncCalls(operations.get_agent)
    disable_agent = AsyncCalls(operations.disable_agent)
    enable_agent = AsyncCalls(operations.enable_agent)
    suggestion = AsyncCalls(operations.get_suggestion)
    suggest = AsyncCalls(operations.put_suggestion)
    dismiss_suggestion = AsyncCalls(operations.dismiss_suggestion)
    send_suggestion = AsyncCalls(operations.send_suggestion)


class Messages(Part):
    """Messages in a conversation."""

    list = Lists(operations.list_messages)
    send = Calls(operations.create_message)
    send_file = Calls(operations.create_media_message)
    get = Calls(operations.get_message)
    update = Calls(operations.update_message)
    delete = Calls(operations.delete_message)


class AsyncMessages(AsyncPart):
    """As `Messages`, for tasks."""

    list = AsyncLists(operations.list_messages)
    send = AsyncCalls(operations.create_message)
    send_file = AsyncCalls(operations.create_media_message)
    get = AsyncCalls(operations.get_message)
    update = AsyncCalls(operations.update_message)
    delete = AsyncCalls(operations.delete_message)


class Channels(Part):
    """Where a business talks to its customers."""

    list = Lists(operations.list_channels)
    get = Calls(operations.get_channel)


class AsyncChannels(AsyncPart):
    """As `Channels`, for tasks."""

    list = AsyncLists(operations.list_channels)
    get = AsyncCalls(operations.get_channel)


class Blocks(Part):
    """Customers who are blocked on a channel."""

    list = Lists(operations.list_blocks)
    create = Calls(operations.create_block)
    get = Calls(operations.get_block)
    update = Calls(operations.update_block)


class AsyncBlocks(AsyncPart):
    """As `Blocks`, for tasks."""

    list = AsyncLists(operations.list_blocks)
    create = AsyncCalls(operations.create_block)
    get = AsyncCalls(operations.get_block)
    update = AsyncCalls(operations.update_block)

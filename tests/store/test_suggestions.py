"""Suggestions are kept alike on every engine; one is pending at most, and is sent once."""

from flextell.store.port import Store, Unit
from flextell.tenants.suggestions import Draft, Suggestion
from tests.store.samples import NOON
from tests.store.talk import Talk, begin, together


def latest(unit: Unit, talk: Talk) -> Suggestion:
    """The newest suggestion for Ada."""
    found = unit.suggestions.latest(talk.tenant_id, talk.conversation_id)
    assert found is not None
    return found


def suggest(unit: Unit, talk: Talk, text: str, now: int = NOON) -> Suggestion:
    """What a worker does."""
    unit.conversations.hold(talk.tenant_id, talk.conversation_id, now)
    draft = Draft(text, (7, 8), ({"do": "book"},))
    unit.suggestions.put(talk.tenant_id, talk.conversation_id, draft, 8, now)
    return latest(unit, talk)


def test_a_newer_suggestion_supersedes_the_pending_one(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        talk = begin(unit)
        assert unit.suggestions.latest(talk.tenant_id, talk.conversation_id) is None
        first = suggest(unit, talk, "At three.")
        second = suggest(unit, talk, "At four.", NOON + 5)

        assert second == Suggestion(
            suggestion_id=second.suggestion_id,
            conversation_id=talk.conversation_id,
            draft=Draft("At four.", (7, 8), ({"do": "book"},)),
            state="pending",
            after_message_id=8,
            final_text=None,
            created_at=NOON + 5,
            updated_at=NOON + 5,
        )
        assert not unit.suggestions.close(talk.tenant_id, first.suggestion_id, "sent", NOON + 6)

    common_store.at_once(work)


def test_what_became_of_a_suggestion_is_kept(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        talk = begin(unit)
        made = suggest(unit, talk, "At three.")
        close = unit.suggestions.close
        assert close(talk.tenant_id, made.suggestion_id, "sent", NOON + 5, final_text="At 3.")

        sent = latest(unit, talk)
        assert (sent.state, sent.final_text, sent.sent_at) == ("sent", "At 3.", NOON + 5)
        assert not close(talk.tenant_id, made.suggestion_id, "dismissed", NOON + 6)
        assert latest(unit, talk) == sent
        dropped = suggest(unit, talk, "At four.", NOON + 7)
        assert close(talk.tenant_id, dropped.suggestion_id, "dismissed", NOON + 8)
        assert (latest(unit, talk).state, latest(unit, talk).sent_at) == ("dismissed", None)

    common_store.at_once(work)


def test_no_suggestion_reaches_into_another_tenant(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        talk, theirs = begin(unit), begin(unit)
        made = suggest(unit, theirs, "At three.")

        assert unit.suggestions.latest(talk.tenant_id, theirs.conversation_id) is None
        assert not unit.suggestions.close(talk.tenant_id, made.suggestion_id, "sent", NOON)
        assert latest(unit, theirs) == made

    common_store.at_once(work)


def test_of_many_who_send_or_replace_at_the_same_moment_one_sends(common_store: Store) -> None:
    talk = common_store.at_once(begin)
    made = common_store.at_once(lambda unit: suggest(unit, talk, "At three."))

    sent = together(
        common_store,
        lambda unit, _: unit.suggestions.close(talk.tenant_id, made.suggestion_id, "sent", NOON),
    )
    together(common_store, lambda unit, number: suggest(unit, talk, f"At {number}."))

    assert sent.count(True) == 1
    assert common_store.at_once(lambda unit: latest(unit, talk)).state == "pending"

"""`flextell channels`: what others rely on, and a secret that is shown once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flextell.app import open_master_key
from flextell.exits import ExitCode
from flextell.node.channel_secrets import ChannelSecrets
from flextell.settings import Settings
from flextell.sources import SYSTEM
from flextell.store.port import Store
from flextell.tenants.webhooks import secret_from
from tests.cli.conftest import Run

URL = "https://clinic.example/flextell"


def create(flextell: Run, tenant: object, *more: str, webhook_url: str = URL) -> Any:
    return flextell(
        "channels", "create", "--tenant", str(tenant), "--type", "website", "--name", "Web chat",
        "--address", "clinic.example", "--webhook-url", webhook_url, "--json", *more,
    )  # fmt: skip


@pytest.fixture
def web_chat(flextell: Run, alice: dict[str, Any]) -> dict[str, Any]:
    """The channel of Alice's clinic, as `channels create` answered."""
    created: dict[str, Any] = create(flextell, alice["tenant_id"]).json
    return created


def good_now(store: Store, data_dir: Path, channel_id: int) -> list[str]:
    """The secrets that a running node takes for good now."""
    settings = Settings(data_dir=data_dir)
    secrets = ChannelSecrets(open_master_key(settings, SYSTEM, store), SYSTEM)
    channel = store.at_once(lambda unit: unit.channels.by_id(channel_id))
    store.close()
    assert channel is not None
    return [secret.text for secret in secrets.of(channel, SYSTEM.now())]


def test_create_prints_the_channel_and_its_secret_once(
    flextell: Run, web_chat: dict[str, Any], store: Callable[[], Store], data_dir: Path
) -> None:
    secret = web_chat["secret"]

    assert set(web_chat) == {
        "channel_id", "secret", "tenant_id", "type", "name", "address", "webhook_url",
        "webhook_off_at", "active", "created_at",
    }  # fmt: skip
    assert secret_from(secret).text == secret
    assert good_now(store(), data_dir, web_chat["channel_id"]) == [secret]
    shown = flextell("channels", "list", "--tenant", str(web_chat["tenant_id"]))
    assert secret not in shown.out
    assert URL in shown.out


def test_list_shows_the_channels_of_one_tenant(flextell: Run, web_chat: dict[str, Any]) -> None:
    listed = flextell("channels", "list", "--tenant", str(web_chat["tenant_id"]), "--json").json
    elsewhere = flextell("channels", "list", "--tenant", "4711", "--json").json

    assert listed == [{name: value for name, value in web_chat.items() if name != "secret"}]
    assert elsewhere == []


def test_a_new_secret_leaves_the_old_one_good_unless_it_leaked(
    flextell: Run, web_chat: dict[str, Any], store: Callable[[], Store], data_dir: Path
) -> None:
    channel_id = web_chat["channel_id"]
    second = flextell("channels", "secret", str(channel_id), "--json").json["secret"]
    after_one = good_now(store(), data_dir, channel_id)
    third = flextell("channels", "secret", str(channel_id), "--at-once", "--json").json["secret"]

    assert after_one == [second, web_chat["secret"]]
    assert good_now(store(), data_dir, channel_id) == [third]


def test_a_webhook_can_be_moved_and_taken_away(flextell: Run, web_chat: dict[str, Any]) -> None:
    channel = ("channels", "webhook", str(web_chat["channel_id"]), "--json")
    moved = flextell(*channel, "--webhook-url", "https://other.example/").json

    assert moved["webhook_url"] == "https://other.example/"
    assert flextell(*channel).json["webhook_url"] is None


@pytest.mark.parametrize(
    "url", ["http://clinic.example/", "https://a:b@clinic.example/", "https://clinic.example:22/"]
)
def test_a_url_that_nothing_would_be_sent_to_is_refused(
    flextell: Run, alice: dict[str, Any], url: str
) -> None:
    refused = create(flextell, alice["tenant_id"], webhook_url=url)

    assert refused.code == ExitCode.INVALID
    assert url not in refused.error["message"]


def test_for_development_a_webhook_may_go_to_this_machine(
    flextell: Run, alice: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEXTELL_DEVELOPMENT_WEBHOOKS_TO_LOOPBACK", "true")
    made = create(flextell, alice["tenant_id"], webhook_url="http://localhost:8080/")

    assert made.code == ExitCode.OK


def test_there_is_no_channel_without_a_tenant_and_none_of_an_unknown_number(
    flextell: Run, alice: dict[str, Any]
) -> None:
    assert create(flextell, 4711).code == ExitCode.NOT_FOUND
    assert flextell("channels", "secret", "4711", "--json").code == ExitCode.NOT_FOUND
    assert flextell("channels", "webhook", "4711", "--json").code == ExitCode.NOT_FOUND


def test_no_new_master_key_is_made_beside_secrets_that_the_old_one_sealed(
    flextell: Run, web_chat: dict[str, Any], data_dir: Path
) -> None:
    (data_dir / "master.key").unlink()
    refused = flextell("channels", "secret", str(web_chat["channel_id"]), "--json")

    assert refused.code == ExitCode.KEY_FILE
    assert not (data_dir / "master.key").exists()


def test_another_master_key_is_noticed(
    flextell: Run, web_chat: dict[str, Any], data_dir: Path
) -> None:
    (data_dir / "master.key").write_bytes(b"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
    refused = flextell("channels", "secret", str(web_chat["channel_id"]), "--json")

    assert refused.code == ExitCode.KEY_FILE
    assert "secrets of channels" in refused.error["message"]

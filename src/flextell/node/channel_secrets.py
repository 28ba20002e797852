"""The secrets of channels, which the database holds encrypted under the master key."""

from flextell.oauth import sealing
from flextell.sources import Sources
from flextell.store.port import Unit
from flextell.tenants.channels import Channel, SealedSecret, replaced, sealed_now
from flextell.tenants.webhooks import SECRET_BYTES, Secret


class ChannelSecrets:
    """Seals and opens them. What was sealed for one channel does not open for another."""

    def __init__(self, master_key: bytes, sources: Sources) -> None:
        self._key = sealing.derive(master_key, "channel secrets")
        self._sources = sources

    def of(self, channel: Channel, now: int) -> tuple[Secret, ...]:
        """The secrets that are good now, the newest first. Raises sealing.WrongKey."""
        context = _context(channel.channel_id)
        return tuple(
            Secret(sealing.unseal(self._key, sealed, context))
            for sealed in sealed_now(channel.secret, now)
        )

    def renew(
        self, unit: Unit, tenant_id: int, channel_id: int, old: SealedSecret | None, now: int
    ) -> Secret:
        """Give a channel a new secret; what is in `old` stays good for a while."""
        fresh = Secret(self._sources.random(SECRET_BYTES))
        nonce = self._sources.random(sealing.NONCE_BYTES)
        sealed = sealing.seal(self._key, fresh.key, nonce, _context(channel_id))
        unit.channels.put_secret(tenant_id, channel_id, replaced(old, sealed, now), now)
        return fresh


def _context(channel_id: int) -> bytes:
    return b"channel %d" % channel_id

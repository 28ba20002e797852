"""Make the tables, Alice and her two kinds of app (docs: "Application settings", "Models").

The app is trusted (`skip_authorization`), for the remembered consent of REQUEST_APPROVAL_PROMPT
"auto" reads all tokens that she has. Its secret is not hashed (`hash_client_secret`): by default
each of its requests costs a password hash.
"""

import json
import os

import django
from django.contrib.auth import get_user_model
from django.core.management import call_command


def prepare() -> None:
    """Once, before the server starts."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.django_oauth_toolkit.settings"
    django.setup()
    # Models can be imported only now.
    from oauth2_provider.models import get_application_model  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    alice = get_user_model().objects.create_user("alice")
    given = json.loads(os.environ["BENCH_APP"])
    for kind, client_id in (
        ("authorization-code", given["client_id"]),
        ("client-credentials", f"{given['client_id']}-itself"),
    ):
        get_application_model().objects.create(
            name="Photos",
            user=alice,
            client_id=client_id,
            client_secret=given["client_secret"],
            hash_client_secret=False,
            client_type="confidential",
            authorization_grant_type=kind,
            redirect_uris=given["redirect_uri"],
            skip_authorization=True,
        )


if __name__ == "__main__":
    prepare()

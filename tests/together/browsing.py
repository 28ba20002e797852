"""Alice's browser as a program, for whoever opens addresses by the standard BROWSER variable.

`python -m tests.together.browsing ISSUER CA_FILE EMAIL PASSWORD URL`
"""

import ssl
import sys

import httpx2

from tests.peers.visitor import Visitor


def main(issuer: str, ca_file: str, email: str, password: str, url: str) -> None:
    """Sign in, allow, and go where that leads to."""
    with httpx2.Client(verify=ssl.create_default_context(cafile=ca_file)) as browser:
        back = Visitor(browser, issuer, email, password).visit(url)
        browser.get(back).raise_for_status()


if __name__ == "__main__":
    main(*sys.argv[1:])

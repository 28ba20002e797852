"""HAProxy in front of several nodes, configured as an operator would."""

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.together.proxies import program, wait_until_open

# Clients speak TLS with HAProxy, HAProxy plain HTTP with nodes that trust it.
#
# A request that reached no node goes to another one, whatever it asks. One that a node swallowed,
# or answered 503, is repeated where that is safe: reads, and refreshes, for the same token buys the
# same successor. Never a code exchange, whose code would look replayed, nor a password.
#
# While no node is ready, for the database is away, all are asked nevertheless: they know how to say
# 503, and the key set and the metadata need no database.
CONFIGURATION = """\
global
    maxconn 4000
    nbthread 1

defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 15s
    timeout http-request 10s
    retries 3
    option redispatch 1

frontend clients
    bind 127.0.0.1:{port} ssl crt {certificate} alpn http/1.1
    option http-buffer-request
    http-request set-header x-forwarded-proto https
    http-request set-header x-forwarded-for %[src]
    use_backend ready if {{ nbsrv(ready) gt 0 }}
    default_backend alive

backend ready
    balance roundrobin
    option httpchk GET /health/ready
    http-check expect status 200
    retry-on conn-failure empty-response 503
    http-request disable-l7-retry if !{{ method GET HEAD }} !{{ req.body_param(grant_type) -m str refresh_token }}
    default-server check inter {probe_milliseconds}ms fall {failures} rise 1 observe layer4 error-limit 2 on-error mark-down
{ready}

backend alive
    balance roundrobin
    http-error status 503 content-type application/json string '{no_node}' hdr retry-after 1
{alive}
"""  # noqa: E501 - as long as a line of theirs is
NO_NODE = '{"error":"temporarily_unavailable","message":"No server can be reached. Try again."}'
FAILURES = 2
# The least that `FLEXTELL_DRAIN_SECONDS` must be: probes times failures, and a second more.
DRAIN_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Behind:
    """A node as HAProxy sees it."""

    port: int
    management_port: int


def configuration(
    port: int, certificate: Path, nodes: Iterable[Behind], probe_milliseconds: int = 200
) -> str:
    """What HAProxy is told. `certificate`: PEM, chain and key in one file."""
    named = [(f"node{number}", node) for number, node in enumerate(nodes, 1)]
    return CONFIGURATION.format(
        port=port,
        certificate=certificate,
        probe_milliseconds=probe_milliseconds,
        failures=FAILURES,
        no_node=NO_NODE,
        ready="\n".join(
            f"    server {name} 127.0.0.1:{node.port} port {node.management_port}"
            for name, node in named
        ),
        alive="\n".join(f"    server {name} 127.0.0.1:{node.port}" for name, node in named),
    )


@contextmanager
def running_haproxy(folder: Path, port: int, text: str) -> Iterator[None]:
    """HAProxy with this configuration, until the context ends; its log is in `haproxy.log`."""
    file, log = folder / "haproxy.cfg", folder / "haproxy.log"
    file.write_text(text)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [program("haproxy"), "-db", "-f", file], stdout=output, stderr=output
        )
    try:
        wait_until_open(port, process, log)
        yield
    finally:
        process.kill()
        process.wait()

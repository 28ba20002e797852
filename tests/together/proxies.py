"""The proxies of deploy/, run from the files as they are, but for addresses, ports and paths."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flextell.tls import LocalCertificate

DEPLOY = Path(__file__).parents[2] / "deploy"
SECONDS_TO_START = 10


@dataclass(frozen=True, slots=True)
class Around:
    """What is around a proxy here: its folder, its port, its certificate, and the nodes' ports."""

    folder: Path
    port: int
    certificate: LocalCertificate
    nodes: tuple[int, ...]
    management: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Proxy:
    """A program, its configuration here, and how it is told to check and to run it."""

    write: Callable[[Around], Path]
    check: Callable[[Path], list[str]]
    run: Callable[[Path], list[str]]


def replaced(text: str, changes: dict[str, str]) -> str:
    """The text with these regular expressions replaced, each of which must be there."""
    for pattern, new in changes.items():
        text, count = re.subn(pattern, lambda _, new=new: new, text)  # type: ignore[misc]
        assert count, f"{pattern} is not in the configuration"
    return text


def haproxy_configuration(around: Around) -> Path:
    """haproxy.cfg, with both files of the certificate in one, as HAProxy wants them."""
    both = around.folder / "flextell.pem"
    files = (around.certificate.certificate_file, around.certificate.key_file)
    both.write_bytes(b"".join(file.read_bytes() for file in files))
    ports = zip(around.nodes, around.management, strict=True)
    servers = {
        rf"node{n}:8080": f"127.0.0.1:{node} port {management}"
        for n, (node, management) in enumerate(ports, 1)
    }
    text = replaced(
        (DEPLOY / "haproxy" / "haproxy.cfg").read_text(),
        {r"bind :443": f"bind 127.0.0.1:{around.port}", r"/etc/haproxy/flextell\.pem": str(both)}
        | servers,
    )
    return _written(around.folder / "haproxy.cfg", text)


def nginx_configuration(around: Around) -> Path:
    """nginx.conf."""
    certificate, folder = around.certificate, str(around.folder)
    text = replaced(
        (DEPLOY / "nginx" / "nginx.conf").read_text(),
        {
            r"listen 443": f"listen 127.0.0.1:{around.port}",
            r"/etc/nginx/flextell\.pem": str(certificate.certificate_file),
            r"/etc/nginx/flextell-key\.pem": str(certificate.key_file),
            r"/run/|/var/log/nginx/": f"{folder}/",
            **{rf"node{n}:8080": f"127.0.0.1:{port}" for n, port in enumerate(around.nodes, 1)},
        },
    )
    return _written(around.folder / "nginx.conf", text)


def _written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def program(name: str) -> str:
    """Where it is; Debian keeps it where an ordinary user's PATH does not lead."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, f"{name} is missing; `make programs-for-tests` installs it."
    return found


PROXIES = {
    "haproxy": Proxy(
        haproxy_configuration,
        lambda file: [program("haproxy"), "-c", "-f", str(file)],
        lambda file: [program("haproxy"), "-db", "-f", str(file)],
    ),
    "nginx": Proxy(
        nginx_configuration,
        lambda file: [program("nginx"), "-t", "-p", str(file.parent), "-c", str(file)],
        lambda file: [
            program("nginx"),
            "-p",
            str(file.parent),
            "-c",
            str(file),
            "-g",
            "daemon off;",
        ],
    ),
}


@contextmanager
def running(proxy: Proxy, around: Around) -> Iterator[Path]:
    """Check the configuration, then run it until the context ends; yields what it logs."""
    file = proxy.write(around)
    checked = subprocess.run(proxy.check(file), capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "warning" not in checked.stderr.lower(), checked.stderr
    log = around.folder / "access.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(proxy.run(file), stdout=output, stderr=output) as process,
    ):
        try:
            wait_until_open(around.port, process, log)
            yield log
        finally:
            process.terminate()


def wait_until_open(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a proxy listens. Raises RuntimeError with its log if it does not."""
    give_up = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < give_up:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"The proxy did not start:\n{log.read_text()}")

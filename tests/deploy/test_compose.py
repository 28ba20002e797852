"""The Compose file and the image: every variable, command, port and secret in them exists."""

import ast
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import yaml

from flextell.management import PATHS
from flextell.masterkey import load
from flextell.serving import ANSWER_MARGIN_SECONDS
from flextell.settings import Settings
from tests.deploy.flextell_words import known_command, known_variables
from tests.postgres import as_user, own_server, passes_walls, programs

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "flextell"}
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
HAPROXY = (DEPLOY / "haproxy" / "haproxy.cfg").read_text()

# The keys of the Compose specification that we use, so that a misspelt one is noticed.
KEYS = {
    *("build", "cap_drop", "command", "depends_on", "deploy", "environment", "healthcheck"),
    *("image", "networks", "ports", "read_only", "restart", "secrets", "security_opt", "shm_size"),
    *("stop_grace_period", "sysctls", "tmpfs", "user", "volumes"),
}

every_service = pytest.mark.parametrize("name", SERVICES)


def image_variables() -> dict[str, str]:
    """What the image sets."""
    return dict(re.findall(r"(FLEXTELL_\w+)=(\S+)", DOCKERFILE))


def node_settings(name: str = "node1") -> Settings:
    """The settings of a node, as it reads them."""
    issuer = {"FLEXTELL_ISSUER": "https://id.example.com"}
    given = image_variables() | OURS[name]["environment"] | issuer
    return Settings(**{k.removeprefix("FLEXTELL_").lower(): v for k, v in given.items()})


@every_service
def test_a_service_is_locked_down_and_bounded(name: str) -> None:
    """Not root, nothing to write on but what is listed, no capability, limits."""
    service = SERVICES[name]

    assert set(service) <= KEYS
    assert service["user"].partition(":")[0] not in ("", "0", "root")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


@every_service
def test_what_a_service_names_is_there(name: str) -> None:
    """Secrets, networks, volumes, other services; files that are mounted."""
    service = SERVICES[name]
    secrets = {s if isinstance(s, str) else s["source"] for s in service.get("secrets", ())}
    mounted = dict(volume.split(":")[:2] for volume in service.get("volumes", ()))

    assert secrets <= set(COMPOSE["secrets"])
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    assert set(service.get("depends_on", ())) <= set(SERVICES)
    for source in mounted:
        here = (DEPLOY / "compose" / source).exists() if source.startswith(".") else False
        assert here or source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", OURS)
def test_variables_and_commands_are_flextells(name: str) -> None:
    service = OURS[name]

    assert known_variables(service["environment"])
    assert known_command(service["command"])
    in_files = re.findall(r"/run/secrets/(\w+)", str(service["environment"]))
    assert set(in_files) <= set(service["secrets"])
    assert "://flextell@" in service["environment"]["FLEXTELL_DATABASE"], "no password in it"


def test_the_images_variables_and_command_are_flextells() -> None:
    (command,) = re.findall(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)

    assert known_variables(image_variables())
    assert known_command(ast.literal_eval(command))
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for source in copied.split():
            assert (DEPLOY.parent / source).exists()


def test_a_node_starts_after_the_migration_and_that_after_the_database() -> None:
    for node in ("node1", "node2"):
        assert SERVICES[node]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"}
        }
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_ports_and_paths_are_those_that_a_node_has() -> None:
    """HAProxy's and the health check's; and the proxy that nodes trust is HAProxy."""
    settings = node_settings()
    exposed = re.findall(r"^EXPOSE (.+)$", DOCKERFILE, re.MULTILINE)[0].split()
    (check,) = re.findall(r"http://[\d.]+:(\d+)(/[\w/]+)", OURS["node1"]["healthcheck"]["test"][3])

    assert list(map(int, exposed)) == [settings.port, settings.management_port]
    assert int(check[0]) == settings.management_port
    assert check[1] in PATHS
    assert set(re.findall(r"server (node\d) \1:(\d+)", HAPROXY)) == {
        (node, str(settings.port)) for node in OURS if node != "migrate"
    }
    assert re.findall(r"check port (\d+)", HAPROXY) == [str(settings.management_port)]
    assert set(re.findall(r"meth GET uri (\S+)", HAPROXY)) <= set(PATHS)
    inside = SERVICES["haproxy"]["networks"]["inside"]
    assert settings.trusted_proxies == (inside["ipv4_address"],)


def test_the_drain_fits_between_haproxys_checks_and_the_end() -> None:
    settings = node_settings()
    ((every, failures),) = re.findall(r"inter (\d+)s fall (\d+)", HAPROXY)
    grace = int(OURS["node1"]["stop_grace_period"].removesuffix("s"))

    assert settings.drain_seconds > int(every) * int(failures)
    needed = settings.drain_seconds + settings.database_wait_seconds + ANSWER_MARGIN_SECONDS
    assert grace > needed
    timeout = re.findall(r"timeout server (\d+)s", HAPROXY)[0]
    assert int(timeout) > settings.database_wait_seconds + ANSWER_MARGIN_SECONDS


def test_the_database_takes_the_connections_of_all_nodes() -> None:
    (most,) = re.findall(r"max_connections=(\d+)", str(SERVICES["postgres"]["command"]))
    settings = node_settings()
    nodes = len(OURS) - 1

    assert nodes * settings.workers * settings.database_pool_connections + 10 < int(most)


def test_the_secrets_that_the_script_makes_are_those_that_are_mounted(tmp_path: Path) -> None:
    """And the master key is one, readable by its owner only."""
    script = (DEPLOY / "compose" / "make-secrets.sh").read_text()
    named = {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    (tmp_path / "make-secrets.sh").write_text(script.replace("chown ", ": "))
    (tmp_path / "certificate.pem").write_text("certificate and key\n")
    first = _made_secrets(tmp_path)
    made = _made_secrets(tmp_path)

    assert made == first, "what is there is kept"
    assert set(made) == named
    assert len(load(tmp_path / "secrets" / "master.key")) == 32
    assert made["database.pgpass"].startswith("postgres:5432:flextell:flextell:")
    assert made["database.pgpass"].strip().rpartition(":")[2] == made["database.password"]
    assert {f.stat().st_mode & 0o777 for f in (tmp_path / "secrets").iterdir()} == {0o600}


def test_nodes_connect_as_an_ordinary_owner_of_the_database(tmp_path: Path) -> None:
    """Whom the wall between tenants stops, and who may migrate; the superuser gets in no more."""
    (script,) = (v.split(":")[0] for v in SERVICES["postgres"]["volumes"] if v.startswith("."))
    password = tmp_path / "password"
    password.write_text("it's a secret")
    text = (DEPLOY / "compose" / script).read_text()
    named = SERVICES["postgres"]["environment"]["POSTGRES_DB"]
    with own_server() as server:
        with psycopg.connect(server.url, autocommit=True) as superuser:
            superuser.execute(f'CREATE DATABASE "{named}"'.encode())
            superuser.execute("ALTER ROLE postgres PASSWORD 'known'")
        database = urlsplit(server.url)._replace(path=f"/{named}").geturl()
        subprocess.run(
            [programs() / "psql", "--quiet", database],
            input=text.replace("/run/secrets/database_password", str(password)),
            text=True,
            check=True,
        )
        with psycopg.connect(as_user(database, "flextell")) as nodes:
            assert not passes_walls(nodes)
            nodes.execute("CREATE TABLE theirs (id int)")
        with psycopg.connect(server.url) as superuser:
            kept = superuser.execute("SELECT rolname, rolpassword IS NULL FROM pg_authid")
            assert {("postgres", True), ("flextell", False)} <= set(kept.fetchall())


def _made_secrets(folder: Path) -> dict[str, str]:
    words = ["sh", str(folder / "make-secrets.sh"), str(folder / "certificate.pem")]
    subprocess.run(words, check=True, capture_output=True)
    return {f.name: f.read_text() for f in (folder / "secrets").iterdir()}

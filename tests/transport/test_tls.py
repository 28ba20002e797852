"""The local certificate authority: what strict clients accept, and what its theft would not buy."""

import shutil
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from flextell.exits import ExitCode, ExitError
from flextell.tls import LocalCertificate, local_certificate, server_context

DAY = 24 * 60 * 60
# TLS libraries look at the real clock, so these certificates are made by it.
NOW = int(datetime.now(UTC).timestamp())
PEM = serialization.Encoding.PEM


@pytest.fixture
def local(tmp_path: Path) -> LocalCertificate:
    return local_certificate(tmp_path, NOW)


def strict_client(ca_file: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca_file))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """Both sides of a handshake in memory; the client's end. Raises what the client raises."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(3):
        for end in (theirs, ours):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return theirs


def certificate(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def life_in_days(file: Path) -> float:
    subject = certificate(file)
    return (subject.not_valid_after_utc - subject.not_valid_before_utc) / timedelta(days=1)


class Forger:
    """Whoever stole `ca-key.pem`: signs what the authority would not."""

    def __init__(self, local: LocalCertificate) -> None:
        self.folder = local.ca_file.parent
        self.issuer = certificate(local.ca_file)
        key = serialization.load_pem_private_key((self.folder / "ca-key.pem").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self.issuer_key = key
        self.chain = b""

    def become_an_authority(self) -> None:
        """Have an authority of one's own signed, and sign with that from now on."""
        key = ec.generate_private_key(ec.SECP256R1())
        own = self._sign(key, "A new authority", x509.BasicConstraints(True, None), None)
        self.chain = own.public_bytes(PEM)
        self.issuer, self.issuer_key = own, key

    def server_for(self, name: x509.GeneralName) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._sign(key, "Forged", x509.BasicConstraints(False, None), name)
        chain, key_file = self.folder / "forged.pem", self.folder / "forged-key.pem"
        chain.write_bytes(leaf.public_bytes(PEM) + self.chain)
        key_file.write_bytes(
            key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return server_context(chain, key_file)

    def _sign(
        self,
        key: ec.EllipticCurvePrivateKey,
        subject: str,
        constraints: x509.BasicConstraints,
        name: x509.GeneralName | None,
    ) -> x509.Certificate:
        ours = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        theirs = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.issuer_key.public_key())
        usage = dict.fromkeys(
            (
                "digital_signature",
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "key_cert_sign",
                "crl_sign",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        usage["key_cert_sign" if constraints.ca else "digital_signature"] = True
        builder = (
            x509.CertificateBuilder()
            .issuer_name(self.issuer.subject)
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.fromtimestamp(NOW - 60, UTC))
            .not_valid_after(datetime.fromtimestamp(NOW + DAY, UTC))
            .add_extension(constraints, critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(ours, critical=False)
            .add_extension(theirs, critical=False)
        )
        if name is not None:
            serves = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
            builder = builder.add_extension(serves, critical=False)
            names = x509.SubjectAlternativeName([name])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.issuer_key, hashes.SHA256())


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_a_strict_client_accepts_this_machine(local: LocalCertificate, name: str) -> None:
    """RFC 5280 as OpenSSL checks it with X509_V_FLAG_X509_STRICT."""
    server = server_context(local.certificate_file, local.key_file)

    client = shake_hands(server, strict_client(local.ca_file), name)

    assert client.version() == "TLSv1.3"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        (["-verify_hostname", "localhost"], True),
        (["-verify_ip", "127.0.0.1"], True),
        (["-verify_ip", "::1"], True),
        (["-verify_hostname", "example.com"], False),
    ],
)
def test_the_openssl_command_agrees(
    local: LocalCertificate, name: list[str], accepted: bool
) -> None:
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", *name]

    result = subprocess.run(
        [*command, "-CAfile", local.ca_file, local.certificate_file], capture_output=True
    )

    assert (result.returncode == 0) == accepted, result.stderr


def test_a_verifier_that_is_not_openssl_agrees(local: LocalCertificate) -> None:
    """RFC 5280 and the CA/Browser Forum's profile, as the cryptography package checks them."""
    verifier = (
        PolicyBuilder()
        .store(Store([certificate(local.ca_file)]))
        .build_server_verifier(x509.DNSName("localhost"))
    )

    chain = verifier.verify(certificate(local.certificate_file), [])

    assert chain == [certificate(local.certificate_file), certificate(local.ca_file)]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        (x509.DNSName("example.com"), "example.com"),
        (x509.DNSName("localhost.example.com"), "localhost.example.com"),
        (x509.IPAddress(ip_address("192.0.2.1")), "192.0.2.1"),
        (x509.IPAddress(ip_address("2001:db8::1")), "2001:db8::1"),
    ],
)
def test_a_stolen_authority_cannot_speak_for_another_machine(
    local: LocalCertificate, name: x509.GeneralName, asked: str
) -> None:
    """RFC 5280 §4.2.1.10."""
    server = Forger(local).server_for(name)

    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shake_hands(server, strict_client(local.ca_file), asked)


def test_only_the_name_makes_the_difference(local: LocalCertificate) -> None:
    """The forgeries of the other tests are good in everything but what is forbidden."""
    server = Forger(local).server_for(x509.DNSName("localhost"))

    client = shake_hands(server, strict_client(local.ca_file), "localhost")

    assert client.version() == "TLSv1.3"


def test_a_stolen_authority_cannot_make_another_authority(local: LocalCertificate) -> None:
    """RFC 5280 §4.2.1.9: a path length of zero."""
    forger = Forger(local)
    forger.become_an_authority()
    server = forger.server_for(x509.DNSName("localhost"))

    with pytest.raises(ssl.SSLCertVerificationError, match="path length constraint exceeded"):
        shake_hands(server, strict_client(local.ca_file), "localhost")


def test_a_stolen_authority_can_vouch_for_servers_only(local: LocalCertificate) -> None:
    """RFC 5280 §4.2.1.12: no code, no mail, no people."""
    extensions = certificate(local.ca_file).extensions

    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    constraints = extensions.get_extension_for_class(x509.NameConstraints)

    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert constraints.critical


def test_keys_are_private_and_certificates_are_not(local: LocalCertificate, tmp_path: Path) -> None:
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}

    assert modes == {
        "ca.pem": 0o644,
        "ca-key.pem": 0o600,
        "leaf.pem": 0o644,
        "leaf-key.pem": 0o600,
    }


def test_browsers_accept_the_life_of_the_leaf(local: LocalCertificate) -> None:
    """They refuse more than 398 days (CA/Browser Forum baseline requirements §6.3.2)."""
    assert 360 <= life_in_days(local.certificate_file) <= 397


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def changed(folder: Path, before: dict[str, bytes]) -> set[str]:
    return {name for name, content in contents(folder).items() if before.get(name) != content}


LEAF_ONLY = {"leaf.pem", "leaf-key.pem"}
EVERYTHING = LEAF_ONLY | {"ca.pem", "ca-key.pem"}


@pytest.mark.parametrize(
    ("days", "renewed"),
    [
        (0, set()),
        (360, set()),
        (361, LEAF_ONLY),
        (1000, LEAF_ONLY),
        (3620, LEAF_ONLY),
        (3621, EVERYTHING),
        (-1, EVERYTHING),
    ],
)
def test_each_certificate_is_renewed_thirty_days_before_its_end(
    local: LocalCertificate, tmp_path: Path, days: int, renewed: set[str]
) -> None:
    """The authority lasts 3650 days and the leaf 390; one from the future is of no use either."""
    before = contents(tmp_path)

    again = local_certificate(tmp_path, NOW + days * DAY)

    assert again == local
    assert changed(tmp_path, before) == renewed


def test_a_leaf_never_outlives_its_authority(local: LocalCertificate, tmp_path: Path) -> None:
    local_certificate(tmp_path, NOW + 3500 * DAY)

    authority, leaf = certificate(local.ca_file), certificate(local.certificate_file)
    assert leaf.not_valid_after_utc == authority.not_valid_after_utc


def test_a_leaf_of_another_authority_is_replaced(local: LocalCertificate, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = local_certificate(tmp_path / "other", NOW)
    other.certificate_file.replace(local.certificate_file)
    other.key_file.replace(local.key_file)

    local_certificate(tmp_path, NOW)

    server = server_context(local.certificate_file, local.key_file)
    assert shake_hands(server, strict_client(local.ca_file), "localhost").version() == "TLSv1.3"


@pytest.mark.parametrize("lost", ["leaf.pem", "leaf-key.pem"])
def test_a_half_made_leaf_is_made_again(local: LocalCertificate, tmp_path: Path, lost: str) -> None:
    """A crash between the two files leaves an old one beside a new one, or one alone."""
    (tmp_path / lost).unlink()

    local_certificate(tmp_path, NOW)

    server = server_context(local.certificate_file, local.key_file)
    assert shake_hands(server, strict_client(local.ca_file), "localhost").version() == "TLSv1.3"


def test_a_leaf_beside_another_leafs_key_is_made_again(
    local: LocalCertificate, tmp_path: Path
) -> None:
    old_leaf = local.certificate_file.read_bytes()
    local.key_file.unlink()
    local_certificate(tmp_path, NOW)
    local.certificate_file.write_bytes(old_leaf)

    local_certificate(tmp_path, NOW)

    server = server_context(local.certificate_file, local.key_file)
    assert shake_hands(server, strict_client(local.ca_file), "localhost").version() == "TLSv1.3"


def test_the_authoritys_key_is_needed_only_to_renew(
    local: LocalCertificate, tmp_path: Path
) -> None:
    """It may be kept elsewhere; without it a new authority is never made behind one's back."""
    (tmp_path / "ca-key.pem").unlink()
    before = contents(tmp_path)

    assert local_certificate(tmp_path, NOW) == local
    with pytest.raises(ExitError, match=r"ca-key.pem is missing") as refused:
        local_certificate(tmp_path, NOW + 361 * DAY)

    assert refused.value.code == ExitCode.KEY_FILE
    assert changed(tmp_path, before) == set()


@pytest.mark.parametrize("broken", ["ca.pem", "ca-key.pem"])
def test_a_broken_authority_is_told_and_left_alone(
    local: LocalCertificate, tmp_path: Path, broken: str
) -> None:
    (tmp_path / broken).write_text("nonsense")
    before = contents(tmp_path)

    with pytest.raises(ExitError, match=broken) as refused:
        local_certificate(tmp_path, NOW + 361 * DAY)

    assert refused.value.code == ExitCode.KEY_FILE
    assert changed(tmp_path, before) == set()


def test_the_key_of_another_certificate_is_refused(local: LocalCertificate, tmp_path: Path) -> None:
    with pytest.raises(ExitError, match="is not that of the certificate") as refused:
        server_context(local.certificate_file, tmp_path / "ca-key.pem")

    assert refused.value.code == ExitCode.KEY_FILE


def test_an_encrypted_key_is_refused_without_asking(
    local: LocalCertificate, tmp_path: Path
) -> None:
    """A server that waits for a password on a terminal nobody watches would never start."""
    key = serialization.load_pem_private_key(local.key_file.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"a password")
    locked = tmp_path / "locked.pem"
    locked.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption))

    with pytest.raises(ExitError, match="unencrypted PEM key") as refused:
        server_context(local.certificate_file, locked)

    assert refused.value.code == ExitCode.KEY_FILE


def test_tls_1_2_is_spoken_with_forward_secrecy_only(local: LocalCertificate) -> None:
    """RFC 9325 §4.2."""
    server = server_context(local.certificate_file, local.key_file)
    client = strict_client(local.ca_file)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    refused = strict_client(local.ca_file)
    refused.maximum_version = ssl.TLSVersion.TLSv1_2
    refused.set_ciphers("ECDHE-ECDSA-AES128-SHA256")

    suite = shake_hands(server, client, "localhost").cipher()

    assert suite is not None
    assert suite[0].startswith("ECDHE-ECDSA-")
    assert suite[0].partition("ECDSA-")[2] in {
        "AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
        "CHACHA20-POLY1305",
    }
    with pytest.raises(ssl.SSLError):
        shake_hands(server, refused, "localhost")


def test_tls_1_1_is_not_spoken(local: LocalCertificate) -> None:
    """RFC 8996."""
    server = server_context(local.certificate_file, local.key_file)
    client = strict_client(local.ca_file)
    client.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        client.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        client.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises(ssl.SSLError, match=r"(?i)unsupported.protocol"):
        shake_hands(server, client, "localhost")


def test_a_client_of_http_2_is_told_that_we_speak_http_1_1(local: LocalCertificate) -> None:
    """RFC 7301 §3.2."""
    server = server_context(local.certificate_file, local.key_file)
    client = strict_client(local.ca_file)
    client.set_alpn_protocols(["h2", "http/1.1"])

    assert shake_hands(server, client, "localhost").selected_alpn_protocol() == "http/1.1"

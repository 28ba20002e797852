"""The local certificate authority of the embedded default (RFC 5280), and the TLS we speak.

A person who trusts `ca.pem` must not give away more than this machine: the authority is
constrained by name to localhost and the loopback addresses (§4.2.1.10), to TLS servers, and may
not make further authorities. Whoever steals `ca-key.pem` can impersonate nobody else.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from flextell.exits import ExitCode, ExitError
from flextell.files import PRIVATE, PUBLIC, write_atomically

DAY = 24 * 60 * 60
CLOCK_SKEW_SECONDS = 60 * 60
AUTHORITY_SECONDS = 3650 * DAY
LEAF_SECONDS = 390 * DAY  # browsers refuse more than 398 days
RENEW_BEFORE_SECONDS = 30 * DAY

PERMITTED = (
    x509.DNSName("localhost"),
    x509.IPAddress(ip_network("127.0.0.0/8")),
    x509.IPAddress(ip_network("::1/128")),
)
LEAF_NAMES = (
    x509.DNSName("localhost"),
    x509.IPAddress(ip_address("127.0.0.1")),
    x509.IPAddress(ip_address("::1")),
)

# Forward secret and authenticated encryption only; TLS 1.3 has nothing else (RFC 9325 §4.2).
TLS_1_2_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True, slots=True)
class LocalCertificate:
    """Where the files are: clients trust `ca_file`, we serve with the other two."""

    ca_file: Path
    certificate_file: Path
    key_file: Path


def local_certificate(data_dir: Path, now: int) -> LocalCertificate:
    """The certificate for localhost in `data_dir`, made or renewed if need be.

    The authority is kept, so that it must be trusted only once; the leaf is renewed when fewer
    than 30 days are left. `now` is in seconds since the epoch. Raises ExitError (KEY_FILE) when
    a file is there but wrong, OSError when one cannot be read or written.
    """
    files = LocalCertificate(data_dir / "ca.pem", data_dir / "leaf.pem", data_dir / "leaf-key.pem")
    authority_key_file = data_dir / "ca-key.pem"
    authority = _authority(files.ca_file, now)
    if authority is None:
        authority = _make_authority(files.ca_file, authority_key_file, now)
    if not _leaf_is_good(files, authority, now):
        _make_leaf(files, authority, _authority_key(authority_key_file, authority), now)
    return files


def server_context(certificate_file: Path, key_file: Path) -> ssl.SSLContext:
    """TLS 1.2 and later for HTTP/1.1 with this certificate chain and key (RFC 9325).

    Raises ExitError (KEY_FILE) when the files are missing, unreadable or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(TLS_1_2_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    try:
        # An empty password, so that an encrypted key is an error and not a prompt.
        context.load_cert_chain(certificate_file, key_file, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ExitError(_bad_files(certificate_file, key_file, error), ExitCode.KEY_FILE) from error
    return context


def _bad_files(certificate_file: Path, key_file: Path, error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return f"The key {key_file} is not that of the certificate {certificate_file}; give a pair."
    for file in (certificate_file, key_file):
        try:
            file.read_bytes()
        except OSError as unreadable:
            reason = (unreadable.strerror or "unknown error").lower()
            return f"The file {file} cannot be read ({reason}); correct its path or permissions."
    return (
        f"{certificate_file} must hold a PEM certificate chain and {key_file}"
        " its unencrypted PEM key; correct them."
    )


def _authority(file: Path, now: int) -> x509.Certificate | None:
    """The kept authority, or None when there is none or it ends within 30 days."""
    if not file.exists():
        return None
    try:
        authority = x509.load_pem_x509_certificate(file.read_bytes())
    except ValueError as error:
        raise _bad_authority(file, "is not a PEM certificate") from error
    return authority if _lasts(authority, now) else None


def _authority_key(file: Path, authority: x509.Certificate) -> ec.EllipticCurvePrivateKey:
    key = _private_key(file)
    if key is None:
        raise _bad_authority(file, "is missing or not a PEM key")
    if key.public_key() != authority.public_key():
        raise _bad_authority(file, "is not the key of ca.pem")
    return key


def _bad_authority(file: Path, what: str) -> ExitError:
    return ExitError(
        f"{file} {what}; restore it, or remove ca.pem and ca-key.pem beside it"
        " to have a new authority made (which clients must then trust).",
        ExitCode.KEY_FILE,
    )


def _private_key(file: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        key: PrivateKeyTypes = serialization.load_pem_private_key(file.read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _lasts(certificate: x509.Certificate, now: int) -> bool:
    left = certificate.not_valid_after_utc.timestamp() - now
    return left >= RENEW_BEFORE_SECONDS and certificate.not_valid_before_utc.timestamp() <= now


def _leaf_is_good(files: LocalCertificate, authority: x509.Certificate, now: int) -> bool:
    try:
        leaf = x509.load_pem_x509_certificate(files.certificate_file.read_bytes())
        leaf.verify_directly_issued_by(authority)
    except (FileNotFoundError, ValueError, TypeError, InvalidSignature):
        return False
    key = _private_key(files.key_file)
    return key is not None and key.public_key() == leaf.public_key() and _lasts(leaf, now)


def _make_authority(file: Path, key_file: Path, now: int) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # The serial in the name tells the authorities of two data directories apart in a trust store.
    name = _name(f"Flextell local CA {serial % 0x1_0000_0000:08x} (localhost only)")
    authority = (
        _builder(name, name, key.public_key(), serial, now, now + AUTHORITY_SECONDS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.NameConstraints(PERMITTED, None), critical=True)
        .sign(key, hashes.SHA256())
    )
    # The key first: a certificate without its key could never sign a leaf.
    write_atomically(key_file, _key_pem(key), PRIVATE)
    write_atomically(file, authority.public_bytes(serialization.Encoding.PEM), PUBLIC)
    return authority


def _make_leaf(
    files: LocalCertificate,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: int,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(now + LEAF_SECONDS, int(authority.not_valid_after_utc.timestamp()))
    leaf = (
        _builder(
            authority.subject,
            _name("localhost"),
            key.public_key(),
            x509.random_serial_number(),
            now,
            end,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(LEAF_NAMES), critical=False)
        .add_extension(_authority_key_identifier(authority), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    write_atomically(files.key_file, _key_pem(key), PRIVATE)
    write_atomically(files.certificate_file, leaf.public_bytes(serialization.Encoding.PEM), PUBLIC)


def _builder(
    issuer: x509.Name,
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    serial: int,
    now: int,
    end: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(datetime.fromtimestamp(now - CLOCK_SKEW_SECONDS, UTC))
        .not_valid_after(datetime.fromtimestamp(end, UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Flextell"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key_identifier(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )

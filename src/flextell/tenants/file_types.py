"""What a file is, told from its first bytes and never from what a client says of it.

Only what is in these tables has a type of its own; a browser that is sent one of them shows, plays
or saves it and runs nothing. All else, HTML and SVG first of all, is bytes.
"""

from collections.abc import Mapping

UNKNOWN = "application/octet-stream"
# So many bytes of the beginning are looked at.
HEAD_BYTES = 64

# (where, what, type), in order.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"ID3", "audio/mpeg"),
    # Frames without a tag before them: MPEG 1 and 2, layer III; ADTS.
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xf2", "audio/mpeg"),
    (0, b"\xff\xf1", "audio/aac"),
    (0, b"\xff\xf9", "audio/aac"),
    (0, b"PK\x03\x04", "application/zip"),
)
# RIFF, the size, then what is in it.
_RIFF: Mapping[bytes, str] = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
# ISO base media: the size of a box, `ftyp`, then its brand.
_BRANDS: Mapping[bytes, str] = {
    b"avif": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"isom": "video/mp4",
    b"iso2": "video/mp4",
    b"iso5": "video/mp4",
    b"iso6": "video/mp4",
    b"mp41": "video/mp4",
    b"mp42": "video/mp4",
    b"M4V ": "video/mp4",
    b"avc1": "video/mp4",
    b"qt  ": "video/quicktime",
}
_EBML = b"\x1a\x45\xdf\xa3"

TYPES: frozenset[str] = frozenset(
    {
        UNKNOWN,
        "video/webm",
        *(kind for _, _, kind in _SIGNATURES),
        *_RIFF.values(),
        *_BRANDS.values(),
    }
)


def sniffed(head: bytes) -> str:
    """The type of a file that begins so."""
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], UNKNOWN)
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], UNKNOWN)
    if head[:4] == _EBML:
        return "video/webm" if b"webm" in head[:HEAD_BYTES] else UNKNOWN
    for at, signature, kind in _SIGNATURES:
        if head.startswith(signature, at):
            return kind
    return UNKNOWN

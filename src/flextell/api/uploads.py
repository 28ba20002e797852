"""Forms with a file, taken in as they come: never whole in memory (RFC 7578).

The parser is python-multipart's, with its bounds on headers; ours are on the parts, on the fields
together, on the file, and on all that comes. What is broken is 400, what is too large 413, what is
no such form 415.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from logging import CRITICAL, Logger

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from flextell.api.errors import ApiError
from flextell.api.incoming import Incoming, too_large
from flextell.node.file_room import Writing
from flextell.tenants.file_types import HEAD_BYTES

FILE = "file"
MOST_PARTS = 32
# All fields together, the names and contents of those that we do not know included.
FIELD_BYTES = 64 * 1024
# What a form may have around its file: fields, headers, boundaries.
AROUND_BYTES = 256 * 1024
# So much of the file is written at once.
WRITTEN_BYTES = 256 * 1024

# The parser tells its own log what it finds, with bytes of the form.
_UNHEARD = Logger("unheard", CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class FilePart:
    """The file of a form: what the client calls it, and how it begins."""

    told_name: str
    head: bytes


@dataclass(frozen=True, slots=True)
class Upload:
    """A form that came whole. The bytes of its file were written."""

    fields: Mapping[str, str]
    file: FilePart


async def receive_upload(incoming: Incoming, writing: Writing, limit: int) -> Upload:
    """Take in a form whose `file` has at most `limit` bytes. Raises ApiError and ClientGone."""
    form = _Form(_boundary(incoming), limit)
    incoming.expect_at_most(limit + AROUND_BYTES)
    more = True
    while more:
        part, more = await incoming.chunk()
        form.take(part)
        if len(form.unwritten) >= WRITTEN_BYTES or not more:
            await writing.write(bytes(form.unwritten))
            form.unwritten.clear()
    return form.whole()


def _boundary(incoming: Incoming) -> bytes:
    kind, parameters = parse_options_header(incoming.one(b"content-type"))
    if kind != b"multipart/form-data":
        raise ApiError(
            "unsupported_media_type",
            "Send a form with a file, with Content-Type: multipart/form-data.",
        )
    return parameters.get(b"boundary", b"")


def _broken() -> ApiError:
    return ApiError("invalid_request", "The body must be a form as RFC 7578 has it.")


class _Form:
    """A form as far as it has come."""

    def __init__(self, boundary: bytes, limit: int) -> None:
        if not boundary:
            raise _broken()
        self.unwritten = bytearray()
        self._limit = limit
        self._came = 0
        self._parts = 0
        self._file_bytes = 0
        self._field_bytes = 0
        self._ended = False
        self._fields: dict[str, bytearray] = {}
        self._file_name: str | None = None
        self._head = bytearray()
        self._header_name, self._header_value = bytearray(), bytearray()
        self._disposition = bytearray()
        # Where the bytes of the part go that is coming; None: nowhere.
        self._into: bytearray | None = None
        self._parser = _parser(boundary, self)

    def take(self, chunk: bytes) -> None:
        """More of the form. Raises ApiError."""
        self._came += len(chunk)
        if self._came > self._limit + AROUND_BYTES:
            raise too_large(self._limit)
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise _broken() from None

    def whole(self) -> Upload:
        """What it was. Raises ApiError if its end or its file is missing."""
        if not self._ended:
            raise _broken()
        if self._file_name is None:
            raise ApiError("invalid_request", f"The field {FILE} is required.")
        fields = {name: _text(bytes(value)) for name, value in self._fields.items()}
        return Upload(fields, FilePart(self._file_name, bytes(self._head)))

    def on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise ApiError("invalid_request", f"A form may have at most {MOST_PARTS} parts.")
        self._disposition.clear()

    def on_header_begin(self) -> None:
        self._header_name.clear()
        self._header_value.clear()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition[:] = self._header_value

    def on_headers_finished(self) -> None:
        kind, parameters = parse_options_header(self._disposition.decode("latin-1"))
        if kind != b"form-data" or b"name" not in parameters:
            raise _broken()
        name, file_name = _text(parameters[b"name"]), parameters.get(b"filename")
        self._field_bytes += len(name)
        if file_name is None:
            self._begin_field(name)
        else:
            self._begin_file(name, file_name)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._into is self.unwritten:
            self._file_bytes += end - start
            if self._file_bytes > self._limit:
                raise too_large(self._limit)
            self._head += data[start : min(end, start + HEAD_BYTES - len(self._head))]
        elif self._into is not None:
            self._field_bytes += end - start
            if self._field_bytes > FIELD_BYTES:
                raise too_large(FIELD_BYTES)
        if self._into is not None:
            self._into += data[start:end]

    def on_end(self) -> None:
        self._ended = True

    def _begin_field(self, name: str) -> None:
        if name == FILE:
            raise ApiError("invalid_request", f"The field {FILE} must be a file.")
        if name in self._fields:
            raise _repeated("A field of the form")
        self._into = self._fields[name] = bytearray()

    def _begin_file(self, name: str, file_name: bytes) -> None:
        # A browser sends a file without a name where none was chosen.
        if name != FILE or not file_name:
            self._into = None
            return
        if self._file_name is not None:
            raise _repeated(f"The field {FILE}")
        # Browsers write a quotation mark so (HTML, multipart/form-data encoding algorithm).
        self._file_name = file_name.replace(b"%22", b'"').decode("utf-8", "replace")
        self._into = self.unwritten


def _repeated(what: str) -> ApiError:
    return ApiError("invalid_request", f"{what} was sent more than once.")


def _text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise ApiError("invalid_request", "The fields of the form must be UTF-8.") from None
    if "\0" in text:
        raise ApiError("validation_error", "A field of the form holds a NUL character.")
    return text


def _parser(boundary: bytes, form: _Form) -> MultipartParser:
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.on_part_begin,
                "on_header_begin": form.on_header_begin,
                "on_header_field": form.on_header_field,
                "on_header_value": form.on_header_value,
                "on_header_end": form.on_header_end,
                "on_headers_finished": form.on_headers_finished,
                "on_part_data": form.on_part_data,
                "on_end": form.on_end,
            },
        )
    except FormParserError:
        raise _broken() from None
    parser.logger = _UNHEARD
    return parser

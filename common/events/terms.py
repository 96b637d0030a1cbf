"""What the fields of events and orders are made of: identifiers, times, numbers; and what every payload is."""

from typing import Annotated, TypeAlias

import msgspec

Identifier: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
]
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=200)]
Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Number: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
Nanoseconds: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^(0|[1-9][0-9]{0,19})\Z")]
Instant: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")]
Day: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Hour: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=23)]
Digest: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
RecordNumber: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{2,8}-[0-9]{8}-[0-9]{4,8}\Z")]
StaffNumber: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z._/-]{1,32}\Z")]


class Payload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The `data` of one event; unknown keys are ignored, as the link's contract asks."""


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """Personal fields as they are kept and travel. `key`: the shift key's id; `box`: nonce and ciphertext, base64url.

    What is inside is a JSON object; only `sync.sealing` puts it in or takes it out.
    """

    key: Identifier
    box: str

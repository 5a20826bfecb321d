"""A client of a timestamp authority (RFC 3161): shows it a hash, gets a signed time for it.

It needs `rfc3161-client`, which is in the extra `timestamps`. The authority's answer is kept as it
came; what it is worth depends on whose roots the auditor believes (`audit.timestamps`).
"""

import http.client
import urllib.error
import urllib.request

from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, decode_timestamp_response

from helm_receipts.errors import ReceiptError

_SECONDS = 4.0
_MOST_BYTES = 65_536
_GRANTED = (0, 1)


class TimestampRefused(ReceiptError):
    """An authority gave no timestamp, or one of something else; the message says why."""


def stamp(url: str, message: bytes) -> bytes:
    """Have a message stamped; returns the authority's answer in DER.

    `TimestampRefused` when it is away, refuses, or its answer isn't about this message.
    """
    builder = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256)
    asked = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    answer = _ask(url, asked.as_bytes())
    try:
        response = decode_timestamp_response(answer)
        granted = int(response.status) in _GRANTED
        about = response.tst_info if granted else None
    except ValueError as error:
        raise TimestampRefused(f"{url} answered with no timestamp: {error}") from error
    if about is None:
        raise TimestampRefused(f"{url} refuses: {', '.join(response.status_string) or 'no reason'}")
    same = about.message_imprint.message == asked.message_imprint.message
    if not same or about.nonce != asked.nonce:
        raise TimestampRefused(f"{url} answered with a timestamp of something else")
    return answer


def _ask(url: str, body: bytes) -> bytes:
    request = urllib.request.Request(  # noqa: S310 - checked with the option
        url, body, {"Content-Type": "application/timestamp-query"}, method="POST"
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_SECONDS) as response:
            return bytes(response.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            raise TimestampRefused(f"{url} answers with status {error.code}") from error
    except (OSError, http.client.HTTPException) as error:
        raise TimestampRefused(f"{url} can't be reached: {error}") from error

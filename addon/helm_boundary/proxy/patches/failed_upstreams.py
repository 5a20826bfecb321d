"""The answer to a call whose upstream failed: our error object, and the call's own headers.

mitmproxy writes it where nobody knows the flow any more, so a client would get no receipt's id for
a call that has receipts. Here it is a response like any other, as long as no response has begun.
Everything else that goes wrong is still mitmproxy's to answer, with the pages of `error_pages`.
"""

from __future__ import annotations

from collections.abc import Callable

from mitmproxy import http
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers.http import HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook

from .error_pages import error_page

type Headers = Callable[[http.HTTPFlow], tuple[tuple[str, str], ...]]
_handle = HttpStream.handle_protocol_error
_check = HttpStream.check_invalid


def tell_of_failed_upstreams(headers_of: Headers) -> None:
    """Have mitmproxy answer a failed call with the headers that `headers_of` gives for its flow."""

    def handle_protocol_error(
        stream: HttpStream, event: RequestProtocolError | ResponseProtocolError
    ) -> layer.CommandGenerator[None]:
        yield from _told(stream, _handle(stream, event), headers_of)

    def check_invalid(stream: HttpStream, request: bool) -> layer.CommandGenerator[bool]:
        return (yield from _told(stream, _check(stream, request), headers_of))

    HttpStream.handle_protocol_error = handle_protocol_error  # type: ignore[assignment,method-assign]
    HttpStream.check_invalid = check_invalid  # type: ignore[assignment,method-assign]


def _told[Result](
    stream: HttpStream, steps: layer.CommandGenerator[Result], headers_of: Headers
) -> layer.CommandGenerator[Result]:
    """Go on with mitmproxy's own steps, and answer the client in their place."""
    begun = stream.server_state in (stream.state_stream_response_body, stream.state_done)
    said: tuple[tuple[str, str], ...] = ()
    answer = None
    while True:
        try:
            command = steps.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if isinstance(command, HttpErrorHook) and not begun:
            said = headers_of(command.flow)  # once that hook was run, the call is over
        error = command.event if isinstance(command, SendHttp) else None
        if said and isinstance(error, ResponseProtocolError) and error.code.http_status_code():
            yield from _answer(stream, error, said)
            answer = None
        else:
            answer = yield command


def _answer(
    stream: HttpStream, error: ResponseProtocolError, said: tuple[tuple[str, str], ...]
) -> layer.CommandGenerator[None]:
    status = error.code.http_status_code() or 502
    body = error_page(status, error.message)
    fields = {"content-type": "application/json", "content-length": str(len(body)), **dict(said)}
    if not (stream.flow.request.is_http2 or stream.flow.request.is_http3):
        fields["connection"] = "close"
    response = http.Response.make(status, b"", {})
    response.headers = http.Headers([(n.encode(), v.encode()) for n, v in fields.items()])
    client, identity = stream.context.client, stream.stream_id
    has_body = stream.flow.request.method != "HEAD"
    yield SendHttp(ResponseHeaders(identity, response, not has_body), client)
    if has_body:
        yield SendHttp(ResponseData(identity, body), client)
    yield SendHttp(ResponseEndOfMessage(identity), client)

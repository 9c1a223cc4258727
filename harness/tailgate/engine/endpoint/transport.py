"""An HTTP transport that takes no response without end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

MOST_BYTES = 256 << 20  # of one response: far above log-probabilities of a long prompt


class BoundedTransport(httpx2.AsyncHTTPTransport):
    """The usual transport, whose responses are given up where they grow beyond a bound."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; reading more of its response than allowed raises `httpx2.ReadError`."""
        response = await super().handle_async_request(request)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _BoundedStream(response.stream)
        return response


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MOST_BYTES
        async for piece in self._stream:
            left -= len(piece)
            if left < 0:
                raise httpx2.ReadError(f"a response of more than {MOST_BYTES >> 20} MiB")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()

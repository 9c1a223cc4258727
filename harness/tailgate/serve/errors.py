"""Errors as OpenAI's clients expect them: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INVALID = "invalid_request_error"
BROKEN = "server_error"
RETRY_AFTER_S = 1


class ApiError(Exception):
    """A refusal or a failure that a client is told of."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """What is sent."""
        kind = BROKEN if self.status >= 500 else INVALID
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def refused(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """The request is wrong or asks for something that is not served."""
    return ApiError(400, message, param=param, code=code)


def busy(status: int, message: str, code: str) -> ApiError:
    """Not now: the same request may be served later."""
    return ApiError(status, message, code=code, headers={"Retry-After": str(RETRY_AFTER_S)})

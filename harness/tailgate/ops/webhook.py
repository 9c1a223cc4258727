"""Tell a chat channel how a night went: the JSON that Slack, Mattermost and Discord's Slack endpoint accept."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from tailgate.errors import ConfigError

TIMEOUT_S = 15.0


def check_address(address: str) -> str:
    """The address, if it is one that a message may be posted to.

    Raises
    ------
    ConfigError
        It is neither http nor https.
    """
    if not address.startswith(("https://", "http://")):
        raise ConfigError("the webhook's address does not begin with https://; set the variable to the channel's URL")
    return address


def post_message(address: str, text: str) -> str | None:
    """Post a line; returns what went wrong, or None. The address is a secret and is not repeated."""
    body = json.dumps({"text": text}).encode()
    request = urllib.request.Request(  # noqa: S310  # the scheme is checked where the address is read
        check_address(address), data=body, headers={"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310
            return None
    except urllib.error.HTTPError as error:
        return f"the webhook answered {error.code} {error.reason}"
    except OSError as error:
        return f"the webhook cannot be reached: {getattr(error, 'reason', error)}"

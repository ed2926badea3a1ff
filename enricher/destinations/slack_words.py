"""Slack's words for what went wrong: with `"ok": false` in a 200, whatever happened."""

from __future__ import annotations

from collections.abc import Mapping

from enricher.errors import Reason

REASONS: Mapping[str, Reason] = {
    "ratelimited": Reason.RATE_LIMITED,
    "rate_limited": Reason.RATE_LIMITED,
    "message_limit_exceeded": Reason.RATE_LIMITED,
    "internal_error": Reason.SERVER_ERROR,
    "fatal_error": Reason.SERVER_ERROR,
    "service_unavailable": Reason.SERVER_ERROR,
    "request_timeout": Reason.SERVER_ERROR,
    "invalid_auth": Reason.AUTH,
    "not_authed": Reason.AUTH,
    "token_revoked": Reason.AUTH,
    "token_expired": Reason.AUTH,
    "account_inactive": Reason.AUTH,
    "missing_scope": Reason.FORBIDDEN,
    "ekm_access_denied": Reason.FORBIDDEN,
    "no_permission": Reason.FORBIDDEN,
    "access_denied": Reason.FORBIDDEN,
    "channel_not_found": Reason.CONFIGURATION,
    "not_in_channel": Reason.CONFIGURATION,
    "is_archived": Reason.CONFIGURATION,
    "message_not_found": Reason.NOT_FOUND,
    "thread_not_found": Reason.NOT_FOUND,
    "cannot_reply_to_message": Reason.NOT_FOUND,
    "restricted_action_thread_locked": Reason.NOT_FOUND,
    "restricted_action_thread_only_channel": Reason.NOT_FOUND,
}
"""What Slack's error words mean for a delivery; words that are not here are `invalid`."""

TOO_MUCH = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_attachments",
        "msg_blocks_too_long",
        "msg_too_long",
        "metadata_too_large",
        "no_text",
    }
)
LOST = frozenset(word for word, reason in REASONS.items() if reason is Reason.NOT_FOUND)
NO_EDIT = frozenset({"edit_window_closed", "cant_update_message"})
UNREADABLE = frozenset({Reason.FORBIDDEN, Reason.CONFIGURATION})
"""Why a history cannot be read."""


def reason_of(word: str) -> Reason:
    """What one of Slack's error words means."""
    return REASONS.get(word, Reason.FORBIDDEN if word.startswith("restricted_action") else Reason.INVALID)

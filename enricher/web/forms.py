"""Tokens for the console's forms: proof that a form was made by us, for this very action, not long ago."""

from __future__ import annotations

from itsdangerous import BadSignature, TimestampSigner

FIELD = "form_token"
_HALF_A_DAY_S = 12 * 60 * 60


class FormTokens:
    """Another site can make a browser send a form, but cannot read one of ours to learn its token."""

    def __init__(self, key: bytes) -> None:
        self._signer = TimestampSigner(key, salt="enricher.console.form")

    def make(self, action: str) -> str:
        """The token of a form that does `action`."""
        return self._signer.sign(action.encode()).decode()

    def fits(self, action: str, token: str) -> bool:
        """Was `token` made for `action`, within half a day?"""
        try:
            return self._signer.unsign(token, max_age=_HALF_A_DAY_S) == action.encode()
        except BadSignature:
            return False

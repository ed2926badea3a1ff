"""Tokens for the console's forms: proof that a form was made by us, for this person and this very action, not long ago."""

from __future__ import annotations

from hashlib import sha256

from itsdangerous import BadSignature, TimestampSigner

FIELD = "form_token"
_HALF_A_DAY_S = 12 * 60 * 60


class FormTokens:
    """Another site can make a browser send a form, but cannot read one of ours to learn its token; and one that somebody was
    given for themselves does nothing in the name of another, or of a later session.
    """

    def __init__(self, key: bytes) -> None:
        self._signer = TimestampSigner(key, salt="enricher.console.form")

    def make(self, action: str, bound: str) -> str:
        """The token of a form that does `action`, for whom `bound` stands for: a person and their session."""
        return self._signer.sign(_value(action, bound)).decode()

    def fits(self, action: str, bound: str, token: str) -> bool:
        """Was `token` made for `action` and `bound`, within half a day?"""
        try:
            return self._signer.unsign(token, max_age=_HALF_A_DAY_S) == _value(action, bound)
        except BadSignature:
            return False


def _value(action: str, bound: str) -> bytes:
    """Their digest: it names neither, and no choice of two texts makes it that of two others."""
    parts = (sha256(part.encode("utf-8", "surrogatepass")).digest() for part in (action, bound))
    return sha256(b"".join(parts)).hexdigest().encode()

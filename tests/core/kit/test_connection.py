"""The webhook connection and its header."""

from __future__ import annotations

import pytest

from enricher.core.kit.connection import authorization
from tests.core.kit.kit_options import PAYLOADS, shipped


def test_the_connection_sends_alert_and_recovery_and_knows_no_secret() -> None:
    found = shipped().connection
    assert (found.payload, found.resolution) == (PAYLOADS.alert, PAYLOADS.recovery)
    assert found.url == "https://enricher.example.com/webhooks/sumo"
    assert "Bearer" not in repr(found)


@pytest.mark.parametrize("token", ["", "a,b", "a b", "a\nb", "a\r", "\t"])
def test_a_token_that_would_end_the_header_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(ValueError, match="a token that no header of a connection can hold") as caught:
        authorization(token)
    assert not token.strip() or token not in str(caught.value)


def test_a_token_goes_behind_its_scheme() -> None:
    assert authorization("t0ken-of_32.chars") == "Bearer t0ken-of_32.chars"

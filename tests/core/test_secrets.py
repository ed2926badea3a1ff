from __future__ import annotations

from enricher.core.secrets import MASK, masked


def test_every_text_of_a_document_is_masked() -> None:
    document = {"a": ["--password hunter2", {"b": ("token=abcdefgh", 3, None)}], "score": 98}
    assert masked(document) == {"a": [f"--password {MASK}", {"b": [f"token={MASK}", 3, None]}], "score": 98}

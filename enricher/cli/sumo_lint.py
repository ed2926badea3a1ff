"""`enricher sumo lint`: payload templates before Sumo Logic has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from enricher.cli.look import print_json, say
from enricher.core.kit.lint import Remark, lint_headers, lint_query
from enricher.core.kit.lint import lint as lint_template
from enricher.core.kit.variables import Sender

WELL = 0
AT_FAULT = 1
MOST_BYTES = 1024 * 1024


def lint(
    files: Sequence[Path], *, queries: Sequence[Path], headers: Sequence[str], sender: str | None, as_json: bool
) -> int:
    """Print what there is to say of each file; 1 where anything is an error."""
    found = [
        *((str(path), remark) for path in files for remark in _template(path, cast("Sender | None", sender))),
        *((str(path), remark) for path in queries for remark in lint_query(_text(path))),
        *(("--header", remark) for remark in lint_headers(headers)),
    ]
    errors = sum(remark.level == "error" for _, remark in found)
    if as_json:
        remarks = [{"file": file, "line": one.line, "level": one.level, "message": one.text} for file, one in found]
        print_json({"errors": errors, "remarks": remarks})
    else:
        for file, remark in found:
            style = "red" if remark.level == "error" else ""
            say(f"{file}:{remark.line}: {'' if remark.level == 'error' else 'note: '}{remark.text}", style=style)
    return AT_FAULT if errors else WELL


def _template(path: Path, sender: Sender | None) -> Iterator[Remark]:
    if path.stat().st_size > MOST_BYTES:
        yield Remark(1, "error", f"more than {MOST_BYTES:,} bytes")
        return
    yield from lint_template(_text(path), sender=sender)


def _text(path: Path) -> str:
    return path.read_bytes()[:MOST_BYTES].decode("utf-8", "replace")

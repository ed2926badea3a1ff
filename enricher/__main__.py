"""`python -m enricher`: the same as the `enricher` command."""

from enricher.cli import main

main()

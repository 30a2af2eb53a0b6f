"""`python -m vla_compose`."""

from vla_compose.cli.app import main

main()

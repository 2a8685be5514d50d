"""`python -m zdmigrate`."""

from zdmigrate.cli import main

main()

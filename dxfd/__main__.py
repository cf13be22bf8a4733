"""`python -m dxfd` is the command `dxfd`."""

from dxfd.cli.main import main

main()

"""`python -m dxfctl` is the command `dxfctl`."""

from dxfctl.cli import main

main()

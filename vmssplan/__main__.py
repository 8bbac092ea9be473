"""`python -m vmssplan`: the same program as `vmssplan`."""

from vmssplan.cli import main

main()

"""`python -m kdl_cli`, for where the command `kdl` is not on the path."""

from kdl_cli.main import main

main()

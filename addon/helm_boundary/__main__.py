"""`python -m helm_boundary`: the command without its script."""

from helm_boundary.cli import main

main(prog_name="helm-boundary")

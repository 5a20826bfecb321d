"""`python -m helm_boundary`: the command without its script."""

from .cli import main

main(prog_name="helm-boundary")

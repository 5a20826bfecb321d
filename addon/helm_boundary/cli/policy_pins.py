"""`helm-boundary policy pins`: MCP servers and their tools, as receipts have seen them."""

from __future__ import annotations

from pathlib import Path

import click

from helm_boundary.replay.mcp_learning import propose_pins, propose_servers, servers_in
from helm_receipts.export.select import Selection, select
from helm_receipts.layout import Layout

from .exits import CommandError
from .state_options import io_errors, journal_of, state_option

PLACE = Path("mcp", "pins", "data.yaml")


@click.command("pins")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Your policy folder: write the pins alone into its mcp/pins/data.yaml.",
)
@state_option
def pins(state: Layout, folder: Path | None) -> None:
    """Propose names and pins of MCP servers, from receipts.

    Prints `mcp.servers` and `mcp.pins` for a data.yaml.

    Review the proposal: it has the tools as they were last, not as they should be. Only servers
    that listed tools are pinned.
    """
    with io_errors():
        seen = select(journal_of(state), Selection())
        servers = servers_in(record.predicate for record in seen)
    if not servers:
        raise CommandError(f"{state.state}: no MCP server is in its receipts")
    if folder is None:
        click.echo(propose_servers(servers), nl=False)
        return
    place = folder / PLACE
    with io_errors():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(propose_pins(servers), "utf-8")
    click.echo(place)

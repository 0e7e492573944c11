"""`triggers completion`: what makes a shell complete our commands, options and values."""

import click

_PROGRAM = "triggers"
_VARIABLE = "_TRIGGERS_COMPLETE"
"""click's own name for it; the script sets it when it asks."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete this command.

    At each TAB the script asks `triggers` itself, so it need not be printed again after an upgrade. bash must be 4.4
    or newer.
    """
    from click import shell_completion as shells  # noqa: PLC0415 (only this needs it)

    kinds = {"bash": shells.BashComplete, "zsh": shells.ZshComplete, "fish": shells.FishComplete}
    kind = kinds[shell](ctx.find_root().command, {}, _PROGRAM, _VARIABLE)
    # Not BashComplete's own, which starts a bash to see how old it is.
    click.echo(shells.ShellComplete.source(kind))

"""`triggers completion`: shell completion of commands, options and values."""

import click

_PROGRAM = "triggers"
_VARIABLE = "_TRIGGERS_COMPLETE"
"""The variable that the completion script sets when it requests completions; click defines the name."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    At each TAB the script asks `triggers` itself, so it need not be printed again after an upgrade. bash must be 4.4
    or newer.
    """
    from click import shell_completion as shells  # noqa: PLC0415 (only this needs it)

    kinds = {"bash": shells.BashComplete, "zsh": shells.ZshComplete, "fish": shells.FishComplete}
    kind = kinds[shell](ctx.find_root().command, {}, _PROGRAM, _VARIABLE)
    # Not BashComplete.source, which starts bash to check its version.
    click.echo(shells.ShellComplete.source(kind))

"""The command line: one group, one module a command; every fault is one line on stderr."""

import sys
from importlib import import_module, metadata

import click
from typing_extensions import override

from indexes.errors import FairgateError, IndexUnavailableError, UsageError

COMMANDS = ("serve", "demo", "index", "check", "policy", "ledger")


class LazyCommands(click.Group):
    """Imports a command's module when it is asked for, so that `--version` and `--help` stay quick."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order in which a newcomer needs them."""
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command by name; None for an unknown one."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"proxy.commands.{cmd_name}"), f"{cmd_name}_command")
        return command


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(metadata.version("fairgate"), prog_name="fairgate")
def cli() -> None:
    """Check what a model writes against indexes of protected works, before it is returned.

    fairgate reports risk signals with their evidence; it gives no legal advice.
    """


def main() -> None:
    """Run the command line; exit 2 for wrong usage, 3 when an index could not be read, 1 for any other fault."""
    try:
        sys.exit(cli.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        sys.exit(_say(error.format_message(), 2))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except UsageError as error:
        sys.exit(_say(str(error), 2))
    except IndexUnavailableError as error:
        sys.exit(_say(str(error), 3))
    except FairgateError as error:
        sys.exit(_say(str(error), 1))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _say(message: str, code: int) -> int:
    click.echo(f"fairgate: {message}", err=True)
    return code

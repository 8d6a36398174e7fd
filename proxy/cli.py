"""The command line: one group, one module a command; every fault is one line on stderr."""

import sys
from collections.abc import Callable
from importlib import import_module, metadata

import click
from typing_extensions import override

from indexes.errors import FairgateError, IndexUnavailableError, UsageError

COMMANDS = ("serve", "demo", "index", "check", "policy", "ledger", "eval")


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
    """Run the command line and exit."""
    sys.exit(run(lambda: cli.main(standalone_mode=False) or 0))


def run(command: Callable[[], int]) -> int:
    """A command's exit code: 2 for wrong usage, 3 when an index could not be read, 1 for any other fault."""
    try:
        return command()
    except click.ClickException as error:
        return _say(error.format_message(), 2)
    except (click.Abort, KeyboardInterrupt):
        return 130
    except FairgateError as error:
        return _say(str(error), _code(error))
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _code(error: FairgateError) -> int:
    match error:
        case UsageError():
            return 2
        case IndexUnavailableError():
            return 3
        case _:
            return 1


def _say(message: str, code: int) -> int:
    click.echo(f"fairgate: {message}", err=True)
    return code

"""`fairgate policy`: check, test and explain policies. Changes nothing."""

from collections.abc import Sequence
from pathlib import Path

import click

from indexes.errors import UsageError
from policies.explain import explained
from policies.load import find, presets
from policies.policy import Policy, PolicyTest
from policies.samples import judge

_files = click.argument("files", nargs=-1, required=True, metavar="FILE...")


@click.group("policy")
def policy_command() -> None:
    """Check, test and explain policies."""


@policy_command.command("check")
@_files
@click.pass_context
def check_command(context: click.Context, files: Sequence[str]) -> None:
    """Say whether each FILE can be loaded; exit 1 and name the line when one cannot."""
    faults = 0
    for file in files:
        try:
            policy = find(file)
        except UsageError as error:
            if not Path(file).is_file():
                raise
            faults += 1
            click.echo(f"fairgate: {error}", err=True)
        else:
            click.echo(f"{file}: {policy.label} is well, with {len(policy.rules)} rules and {len(policy.tests)} tests")
    context.exit(1 if faults else 0)


@policy_command.command("test")
@_files
@click.pass_context
def test_command(context: click.Context, files: Sequence[str]) -> None:
    """Run the `tests:` of each FILE; exit 1 when one of them fails."""
    failed = 0
    for file in files:
        policy = find(file)
        right = sum(_passes(policy, test, file) for test in policy.tests)
        failed += len(policy.tests) - right
        click.echo(f"{file}: {policy.label}: {right} of {len(policy.tests)} tests as expected")
    context.exit(1 if failed else 0)


@policy_command.command("explain")
@click.argument("policy", metavar="NAME|FILE")
def explain_command(policy: str) -> None:
    """Say in words what a policy does, with what it takes from `balanced`."""
    for line in explained(find(policy)):
        click.echo(line)


@policy_command.command("list")
def list_command() -> None:
    """Name the presets, each with the longest run that it lets pass."""
    for name in presets():
        policy = find(name)
        limits = policy.limits
        runs = (("words of text", limits.text), ("of verse", limits.lyrics), ("lexemes of code", limits.code))
        said = ", ".join(f"{'any number' if limit.words is None else limit.words} {of}" for of, limit in runs)
        click.echo(f"{policy.label:<22} {policy.mode:<9} {said}")


def _passes(policy: Policy, test: PolicyTest, file: str) -> bool:
    """Whether a test comes out as expected; says what it got where it does not."""
    verdict = judge(policy, test)
    if verdict.action in test.expect:
        return True
    expected = " or ".join(action.value for action in test.expect)
    click.echo(f"{file}:{test.line}: {test.name}: expected {expected}, got {verdict.action.value}")
    for reason in verdict.reasons:
        click.echo(f"    because {reason}")
    return False

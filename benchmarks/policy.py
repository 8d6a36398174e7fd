"""How long judging takes: `python -m benchmarks.policy`, one JSON line a figure."""

import json
import timeit
from dataclasses import replace

from policies.engine import allowance, decide
from policies.load import find
from policies.model import Evidence
from policies.samples import evidence
from policies.schema import Sample


def copies(count: int, *, live: bool) -> Evidence:
    """So many works that hold the same 20 words."""
    said = evidence(Sample(words=20, nature="creative", market="in_print", work_words=90_000, output_words=300))
    match = said.matches[0]
    found = tuple(replace(match, work=replace(match.work, id=str(number)), live=live) for number in range(count))
    return replace(said, matches=found, closed=not live)


def say(name: str, seconds: float, **more: object) -> None:
    print(json.dumps({"name": name, "value": round(seconds * 1e6, 1), "unit": "us", **more}), flush=True)


def main() -> None:
    policy = find("balanced")
    for count in (1, 10):
        streamed, whole = copies(count, live=True), copies(count, live=False)
        times = 5000 // count
        for name, call in (
            ("decide", lambda said=streamed: decide(policy, said, policy.use)),
            ("decide_closed", lambda said=whole: decide(policy, said, policy.use)),
            ("allowance", lambda said=streamed: allowance(policy, said, policy.use)),
        ):
            say(f"policy_{name}", min(timeit.repeat(call, number=times, repeat=3)) / times, matches=count)


if __name__ == "__main__":
    main()

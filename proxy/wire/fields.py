"""Which fields of an answer carry text, which shape it, and on which channel each text goes.

One row a field, by the object it stands in. In `enforce` what has no row leaves the answer unless it is harmless
(`is_harmless`); in `annotate` and `monitor` it stays. Four ways a field is handled:

    text      read on its channel; it leaves as far as the gate lets it
    label     a name the protocol or the request set, or an identifier: passes while it is short, since a label long
              enough to carry a passage is none
    address   a URL: passes while it holds no space and is not too long
    opaque    written by a filter or by the transport, not by the generator: passes whole

What is left out on purpose, though generators send it: `token_ids` and `prompt_token_ids` (text as numbers),
`audio.data` (speech that nothing here has heard), `reasoning_details`, `thinking_blocks`, `provider_specific_fields`
and `extra_content` (text, or opaque blocks that may hold text, beside the channel that is checked).
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Handling: TypeAlias = Literal["text", "label", "address", "opaque", "nested"]
MAX_LABEL = 200
MAX_ADDRESS = 2048

CONTENT = "content"
REFUSAL = "refusal"
REASONING = "reasoning"
TRANSCRIPT = "audio.transcript"
FUNCTION_ARGUMENTS = "function_call.arguments"


def call_arguments(number: int) -> str:
    """The channel of the arguments of a tool call."""
    return f"tool_calls[{number}].arguments"


def call_input(number: int) -> str:
    """The channel of the free-form input of a custom tool's call."""
    return f"tool_calls[{number}].input"


def is_json(channel: str) -> bool:
    """Whether a channel carries a JSON document: `JsonText` reads it."""
    return channel.endswith(".arguments")


@dataclass(frozen=True, slots=True)
class Field:
    """A listed field. `channel` is set where its text has a channel of its own; `why` says why it may pass."""

    handling: Handling
    why: str
    channel: str | None = None


CHOICE: dict[str, Field] = {  # of chat
    "index": Field("label", "number of the choice"),
    "delta": Field("nested", "MESSAGE lists its fields"),
    "message": Field("nested", "MESSAGE lists its fields"),
    "finish_reason": Field("label", "one of the protocol's words"),
    "native_finish_reason": Field("label", "the same in the generator's own words"),
    "stop_reason": Field("label", "the stop string or token that the request named"),
    "matched_stop": Field("label", "the same, as SGLang spells it"),
    "logprobs": Field("nested", "leave with their text or not at all"),
    "content_filter_results": Field("opaque", "written by a filter"),
    "content_filter_result": Field("opaque", "written by a filter"),
    "content_filter_offsets": Field("opaque", "written by a filter"),
}

MESSAGE: dict[str, Field] = {
    "role": Field("label", "one of the protocol's words"),
    "reasoning": Field("text", "what the model thinks", REASONING),
    "reasoning_content": Field("text", "an older spelling of `reasoning`", REASONING),
    "content": Field("text", "the answer: a string, or a list of text parts", CONTENT),
    "audio": Field("nested", "AUDIO lists its fields"),
    "refusal": Field("text", "why there is no answer", REFUSAL),
    "function_call": Field("nested", "FUNCTION lists its fields"),
    "tool_calls": Field("nested", "CALL lists the fields of each"),
    "annotations": Field("nested", "links with titles: CITATION lists their fields"),
}

AUDIO: dict[str, Field] = {
    "id": Field("label", "identifier"),
    "expires_at": Field("label", "time"),
    "transcript": Field("text", "the words that are spoken", TRANSCRIPT),
}

CALL: dict[str, Field] = {
    "index": Field("label", "number of the call"),
    "id": Field("label", "identifier"),
    "type": Field("label", "one of the protocol's words"),
    "function": Field("nested", "FUNCTION lists its fields"),
    "custom": Field("nested", "CUSTOM lists its fields"),
}

FUNCTION: dict[str, Field] = {
    "name": Field("label", "a function that the request named"),
    "arguments": Field("text", "a JSON document; its strings are read"),
}

CUSTOM: dict[str, Field] = {
    "name": Field("label", "a tool that the request named"),
    "input": Field("text", "free text"),
}

CITATION: dict[str, Field] = {
    "type": Field("label", "one of the protocol's words"),
    "start_index": Field("label", "offset"),
    "end_index": Field("label", "offset"),
    "title": Field("label", "title of a page"),
    "url": Field("address", "where the page is"),
}

PART: dict[str, Field] = {
    "type": Field("label", "`text`; parts of other types are not listed"),
    "text": Field("text", "the answer, in pieces", CONTENT),
}

LOGPROB: dict[str, Field] = {
    "token": Field("opaque", "spells the text with which it leaves"),
    "bytes": Field("opaque", "the same"),
    "logprob": Field("label", "number"),
    "top_logprobs": Field("opaque", "what else the token could have been"),
}
LOGPROBS = ("content", "refusal")

COMPLETION_CHOICE: dict[str, Field] = {  # of text completions: a choice is its own message
    "index": CHOICE["index"],
    "text": Field("text", "the answer, behind the prompt where the request has it echoed", CONTENT),
    "finish_reason": CHOICE["finish_reason"],
    "native_finish_reason": CHOICE["native_finish_reason"],
    "stop_reason": CHOICE["stop_reason"],
    "matched_stop": CHOICE["matched_stop"],
    "logprobs": Field("nested", "LOGPROB_COLUMNS, or the lists of chat; leave with their text or not at all"),
    "prompt_logprobs": Field("nested", "of the request's own tokens: PROMPT_LOGPROB lists the fields of each"),
    "refusal": MESSAGE["refusal"],
    "annotations": MESSAGE["annotations"],
    "content_filter_results": CHOICE["content_filter_results"],
    "content_filter_result": CHOICE["content_filter_result"],
    "content_filter_offsets": CHOICE["content_filter_offsets"],
}

LOGPROB_COLUMNS: dict[str, Field] = {  # of text completions: lists of one length, an entry a token
    "tokens": Field("opaque", "spell the text with which they leave"),
    "token_logprobs": Field("label", "numbers"),
    "top_logprobs": Field("opaque", "what else the tokens could have been"),
    "text_offset": Field("label", "offsets"),
}

PROMPT_LOGPROB: dict[str, Field] = {
    "logprob": Field("label", "number"),
    "rank": Field("label", "number"),
    "decoded_token": Field("label", "a token"),
}

# What an object without `choices` may hold: it is no part of an answer, and nothing else of it passes.
ENVELOPE = frozenset(
    {"id", "object", "created", "model", "system_fingerprint", "service_tier", "usage", "error", "type"}
)


def is_harmless(value: Any) -> bool:
    """Whether a value can carry no text: null, a number, a truth value, or anything empty."""
    return value is None or isinstance(value, int | float) or not value


def may_pass(field: Field, value: Any) -> bool:
    """Whether the value of a listed field that is neither text nor nested leaves as it is."""
    if field.handling == "opaque" or is_harmless(value):
        return True
    if not isinstance(value, str):
        return False
    if field.handling == "address":
        return len(value) <= MAX_ADDRESS and not any(map(str.isspace, value))
    return len(value) <= MAX_LABEL

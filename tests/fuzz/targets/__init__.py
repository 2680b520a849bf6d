"""Every reader that is fuzzed, by name; each file holds the readers of one kind of input."""

from tests.fuzz.target import Target
from tests.fuzz.targets import binary, models, tables, tokenizers, variants

TARGETS: dict[str, Target] = {
    target.name: target for group in (tables, binary, variants, tokenizers, models) for target in group.TARGETS
}

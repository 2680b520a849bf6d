"""What a column of labels is: numbers or words, which of them are missing, and what looks like something else.

Programs write a missing label in many ways. Next to numbers, `NA` is a number that is missing; among words it may be a
class of its own, such as North America. A column that could be read in two ways is refused, with its rows and the way
out.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import numpy as np

# Ways to write "missing", in lower case. The first are never classes; the others are missing only next to numbers.
NEVER_CLASSES = ("", "nan", "null", "#n/a", "n/a", "<na>")
MISSING_NUMBERS = (*NEVER_CLASSES, "na", "none", "-", "--", ".", "?", "inf", "+inf", "-inf", "infinity", "-infinity")
DROP = "Fill in the labels, or leave these records out with missing_labels='drop' (--missing-labels drop)."

_SEPARATORS = re.compile(r"[;,|\s]+")
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_SHOWN = 5


def split_label(label: object) -> list[object]:
    """The parts of a label: of a list, or of text joined by `;`, `,`, `|` or spaces.

    >>> split_label("0;1; 1"), split_label(["0.5"]), split_label(3), split_label("0110")
    (['0', '1', '1'], ['0.5'], [3], ['0110'])
    """
    if isinstance(label, (list, tuple, np.ndarray)):
        return split_label(label[0]) if len(label) == 1 else list(label) or [""]
    return list(_SEPARATORS.split(label.strip())) if isinstance(label, str) else [label]


def text_of(value: object) -> str:
    """A label as text: nothing for None, 0 and 1 for booleans."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, (bool, np.bool_)) else str(value).strip()


def number_of(text: str) -> float:
    """The number, or NaN where the text is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def is_missing(label: object, *, numbers: bool) -> bool:
    """Whether a label, or a part of it, is a way to write that there is none.

    >>> [is_missing(label, numbers=True) for label in ("NA", "0.5;NA", "low", None, float("inf"))]
    [True, True, False, True, True]
    >>> [is_missing(label, numbers=False) for label in ("NA", "NaN", "-", "")]
    [False, True, False, True]
    """
    ways = MISSING_NUMBERS if numbers else NEVER_CLASSES
    if isinstance(label, np.ndarray) and label.dtype.kind in "fiu":
        return not np.isfinite(label).all()
    if isinstance(label, (list, tuple, np.ndarray)):
        return not len(label) or any(is_missing(each, numbers=numbers) for each in label)
    if isinstance(label, float):
        return not math.isfinite(label)
    return any(text_of(part).lower() in ways for part in split_label(label))


def are_numbers(labels: Iterable[object]) -> bool:
    """Whether any label is or holds a number; then the ways of `MISSING_NUMBERS` are missing ones."""
    return any(math.isfinite(number_of(text_of(value))) for label in labels for value in split_label(label))


def _refuse_missing(labels: Sequence[object], missing: Sequence[bool], source: str, numbers: Sequence[int]) -> None:
    """Refuse a column with labels that are missing.

    Args:
        numbers: of the records, 1-based.

    Raises:
        ValueError: there are some; the message has how many, and the first records.
    """
    rows = [row for row, is_one in enumerate(missing) if is_one]
    if rows:
        one = len(rows) == 1
        raise ValueError(
            f"{source}: record {numbers[rows[0]]:,}: the label is missing"
            + (f" ({_listed(rows, labels, numbers)})" if text_of(labels[rows[0]]) or not one else "")
            + ("" if one else f", and {len(rows) - 1:,} more of {len(labels):,}")
            + f". {DROP}"
        )


def labelled_rows(
    labels: Sequence[object], numbers: Sequence[int], source: str, *, drop: bool, classes: Collection[str] = ()
) -> list[int]:
    """The rows, 0-based, of those labels that are not missing.

    Args:
        numbers: of the records, 1-based.
        drop: leave out missing labels instead of refusing them.
        classes: texts that are no missing labels.

    Raises:
        ValueError: one is missing, and it is not to be dropped; or all are.
    """
    of_numbers = are_numbers(labels)
    missing = [text_of(label) not in classes and is_missing(label, numbers=of_numbers) for label in labels]
    if not drop:
        _refuse_missing(labels, missing, source, numbers)
    if all(missing):
        raise ValueError(f"{source}: every label is missing.")
    return [row for row, is_one in enumerate(missing) if not is_one]


def refuse_ambiguous(labels: Sequence[object], source: str, numbers: Sequence[int]) -> None:
    """Refuse a column of which nobody can say whether it holds classes or numbers.

    Raises:
        ValueError: words between numbers; class names that differ in upper and lower case alone; decimal commas.
    """
    texts = [[text_of(value) for value in split_label(label)] for label in labels]
    are_words = [not all(math.isfinite(number_of(text)) for text in each) for each in texts]
    rows = [row for row, is_word in enumerate(are_words) if is_word]
    if rows and len(rows) < len(labels):
        raise ValueError(
            f"{source}: {len(labels) - len(rows):,} labels are numbers and {len(rows):,} are not "
            f"({_listed(rows, labels, numbers)}), so they could be a quantity or classes. Correct the labels, or say "
            "what they are: problem_type='single_label_classification' (--problem_type single_label_classification)."
        )
    if rows:
        _refuse_equal_but_for_case({text for each in texts for text in each}, source)
    else:
        _refuse_decimal_commas(labels, source)


def _refuse_equal_but_for_case(names: set[str], source: str) -> None:
    alike: dict[str, list[str]] = {}
    for name in sorted(names):
        alike.setdefault(name.lower(), []).append(name)
    twice = next((each for each in alike.values() if len(each) > 1), None)
    if twice is not None:
        raise ValueError(
            f"{source}: the labels {', '.join(map(repr, twice))} differ in upper and lower case alone, and would be "
            f"{len(twice)} classes. Write them alike."
        )


def _refuse_decimal_commas(labels: Sequence[object], source: str) -> None:
    """`-0,22` is a number in German and French tables, and would be read as the two targets -0 and 22."""
    texts = [label.strip() for label in labels if isinstance(label, str)]
    if len(texts) < len(labels) or not all(
        DECIMAL_COMMA.fullmatch(text) or _THOUSANDS.fullmatch(text) for text in texts
    ):
        return
    if all(part in ("0", "1") for text in texts for part in text.split(",")):
        return  # tracks
    what = "thousands separators, or decimal commas" if all(map(_THOUSANDS.fullmatch, texts)) else "decimal commas"
    raise ValueError(
        f"{source}: labels such as {texts[0]!r} look like numbers with {what}, and would be read as "
        f"{texts[0].count(',') + 1} labels each. Write numbers as 1892.5; if they are lists, write them with ';' "
        "(1;892), or give their columns one by one (labels_column='a,b', --labels_column a,b)."
    )


def _listed(rows: Sequence[int], labels: Sequence[object], numbers: Sequence[int]) -> str:
    some = ", ".join(f"record {numbers[row]:,}: {text_of(labels[row])[:40]!r}" for row in rows[:_SHOWN])
    return some + (", …" if len(rows) > _SHOWN else "")


def described(problem_type: str, label_names: Sequence[str], labels: Sequence[object], column: str) -> str:
    """One line that says how labels were understood, to be read before hours of training.

    >>> described("regression", ["target"], ["0.5", "-2", "4"], "label")
    "label column 'label': regression, 1 target, 3 rows, -2 to 4"
    >>> described("single_label_classification", ["no", "yes"], ["yes", "no", "yes"], "label")
    "label column 'label': single-label classification, 2 classes, 3 rows (no: 1, yes: 2)"
    """
    texts = [text_of(value) for label in labels for value in split_label(label)]
    count, rows = len(label_names), f"{len(labels):,} rows"
    match problem_type:
        case "single_label_classification":
            counts = Counter(texts)
            names = sorted(counts, key=lambda name: (-counts[name], name))
            names = [name for name in label_names if name in counts] if set(label_names) >= set(counts) else names
            shown = ", ".join(f"{name}: {counts[name]:,}" for name in names[:12]) + (", …" if len(names) > 12 else "")
            detail = f"single-label classification, {count:,} classes, {rows} ({shown})"
        case "multi_label_classification":
            detail = f"multi-label classification, {count:,} tracks, {rows}"
        case _:
            values = [number for text in texts if math.isfinite(number := number_of(text))]
            spread = f", {min(values):g} to {max(values):g}" if values else ""
            detail = f"regression, {count:,} target{'s' if count > 1 else ''}, {rows}{spread}"
    return f"label column {column!r}: {detail}"

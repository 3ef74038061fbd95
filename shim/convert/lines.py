"""The lines of a converted document, as their author wrote them where they have not changed."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher


def with_old_lines(text: str, before: str, after: str) -> str:
    """Return the new text with each line that is not changed as its author wrote it.

    Writing a tree makes small things uniform (blanks behind a colon).  Where what was written before the
    conversion has as many lines as the file, a line that stayed the same is taken from the file.
    """
    old, written, new = (lines.split("\n") for lines in (text, before, after))
    if len(old) != len(written):
        return after
    made: list[str] = []
    for tag, i, j, k, end in _alignment(written, new):
        made += old[i:j] if tag == "equal" else new[k:end]
    return "\n".join(made)


def _alignment(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield what stayed and what did not, as `SequenceMatcher` does.

    That one takes the cube of the length where lines repeat, as they do in what `kubectl get` exports.  So lines that
    are there once before and after, such as names, are matched first, and the few between two of them by it.
    """
    i = k = 0
    for at, there in [*_in_order(_once_in_both(before, after)), (len(before), len(after))]:
        matcher = SequenceMatcher(None, before[i:at], after[k:there], autojunk=False)
        yield from ((tag, i + a, i + b, k + c, k + d) for tag, a, b, c, d in matcher.get_opcodes())
        if at < len(before):
            yield "equal", at, at + 1, there, there + 1
        i, k = at + 1, there + 1


def _once_in_both(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Return where those lines stand before and after, as they stand before."""
    counts, place = (Counter(before), Counter(after)), {line: number for number, line in enumerate(after)}
    return [(at, place[line]) for at, line in enumerate(before) if counts[0][line] == counts[1][line] == 1]


def _in_order(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return most of them such that none overtakes another: the longest increasing row of the second numbers."""
    ends: list[int] = []  # the smallest second number in which a row of each length ends
    rows: list[tuple[int, tuple[int, int]]] = []
    for pair in pairs:
        length = bisect_left(ends, pair[1])
        ends[length : length + 1] = [pair[1]]
        rows.append((length, pair))
    kept: list[tuple[int, int]] = []
    wanted = len(ends) - 1
    for length, pair in reversed(rows):
        if length == wanted and (not kept or pair[1] < kept[-1][1]):
            kept.append(pair)
            wanted -= 1
    return kept[::-1]

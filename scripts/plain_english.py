#!/usr/bin/env python3
"""Finds the turns of phrase that make a reader stop, in every text that is tracked, and sentences that are too long, in every
document; exits with 1 if there are any.

Each phrase has a plainer way to say it, which is printed beside the place. `--figures` prints how long the sentences of each
document are.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator, Tuple

MOST_WORDS = 30
FINE_AFTER_NO = "longer|more|less|reason|obstacle|surprise|matter|good|one|other|finer|narrower|worse|likelier|better|later"
PLAINER = {
    r"\banew\b": "again",
    r"\bbefalls?\b": "happens to",
    r"\b(in the )?midst\b": "during",
    r"\bwhoever\b": "anyone who, the one that",
    r"\ball the same\b": "still, anyway",
    r"\bjust so\b": "in the same way",
    r"\b(or|and) the like\b": "or similar, and so on",
    r"\bfor want of\b": "for lack of, because there is no",
    r"\bgone on with\b": "continued",
    r"\bone row an? \w": "one row per",
    rf"(?<![Tt]here )\bis no (?!(?:{FINE_AFTER_NO})\b)[a-z]": "is not a",
    r"\b[Nn]othing where\b": "`None` if",
    r"\bempty where\b": "empty if",
    r"\bthereof\b|\btherein\b|\bhereby\b|\bwherein\b": "of it, in it, by this, in which",
}
READ = {".rs", ".md", ".py", ".toml", ".sh", ".html", ".txt", ".sbatch", ".yaml", ".yml", ""}
UNREAD = {"LICENSE-MIT", "LICENSE-APACHE", "LICENSE.txt", "Cargo.lock", Path(__file__).name}

# Nobody wrote these: a program that measured splices them between two marks.
SPLICED = re.compile(r"^<!-- (\w+) -->$.*?^<!-- end of \1 -->$", re.DOTALL | re.MULTILINE)
TAGS = re.compile(r"\{%.*?%\}")
CODE = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
BEGINS = re.compile(r"\s*(?:[-*]|\d+\.)\s+")
STOP = r"(?<=[.!?:])[)\"*_`]*\s+(?=[^a-z\s])"


def passages(text: str) -> Iterator[Tuple[int, str, str]]:
    """Each paragraph, item of a list and cell of a table, with its line and what ends a sentence within it."""
    for left_out in (SPLICED, CODE, TAGS):
        text = left_out.sub(lambda found: "\n" * found.group().count("\n"), text)
    begun, lines = 0, []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        is_row, is_item = line.startswith("|"), BEGINS.match(line)
        if lines and (is_row or is_item or not line.strip() or line.startswith("#")):
            yield begun, " ".join(lines), STOP
            lines = []
        if is_row:
            # A cell lists what other texts say in sentences.
            yield from ((number, cell, STOP + r"|;\s") for cell in re.split(r"(?<!\\)\|", line))
        elif line.strip() and not line.startswith("#"):
            begun = begun if lines else number
            lines.append(BEGINS.sub("", line, 1).strip() if is_item else line.strip())


def sentences(text: str) -> Iterator[Tuple[int, int, str]]:
    """The sentences of a document, each with its line and its number of words; code is one word, a link is its text."""
    for line, passage, stop in passages(text):
        for sentence in re.split(stop, passage):
            plain = re.sub(r"`[^`]*`", "code", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", sentence))
            words = sum(bool(re.search(r"\w", word)) for word in plain.split())
            if words > 2:
                yield line, words, sentence


def too_long(path: Path, text: str, figures: bool) -> int:
    found = list(sentences(text))
    if figures and found:
        lengths = [words for _, words, _ in found]
        print(f"{path}: {len(found)} sentences, {sum(lengths) / len(found):.1f} words on average, {max(lengths)} at most")
    long = [(line, words, sentence) for line, words, sentence in found if words > MOST_WORDS]
    for line, words, sentence in long:
        print(f"{path}:{line}: {words} words in one sentence: {sentence[:60]}…")
    return len(long)


def main() -> int:
    tracked = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True).stdout.split("\0")
    found = 0
    for path in map(Path, filter(None, tracked)):
        if path.suffix not in READ or path.name in UNREAD or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".md":
            found += too_long(path, text, "--figures" in sys.argv)
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, plainer in PLAINER.items():
                for match in re.finditer(pattern, line):
                    found += 1
                    print(f"{path}:{number}: `{match.group()}`: say \"{plainer}\"")
    if found:
        print(f"{found} places to say more plainly", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

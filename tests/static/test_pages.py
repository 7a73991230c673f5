"""Checks the Markdown pages: every link has a target, prose has at most 100 columns, and listed log messages exist."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(page for room in ("etc", "k8s", "src", "tests") for page in (ROOT / room).rglob("*.md"))])
LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(text):
    """Returns the numbered lines, without code blocks."""
    code, found = False, []
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            code = not code
        elif not code:
            found.append((number, line))
    return found


def anchors(text):
    """Returns the anchors that GitHub creates for the headings."""
    headings = [line.lstrip("#").strip() for _, line in prose(text) if re.match(r"#+ ", line)]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page, text):
    found = []
    for number, line in prose(text):
        for link in LINK.findall(re.sub(r"`[^`]*`", "", line)):
            if re.match(r"https?://", link):
                continue
            file, _, anchor = link.partition("#")
            target = (page.parent / file).resolve() if file else page
            if not target.exists():
                found.append(f"{page}:{number}: no file {link}")
            elif anchor and anchor not in anchors(text if target == page else target.read_text()):
                found.append(f"{page}:{number}: no heading {link}")
    return found


def long_lines(page, text):
    """Finds prose that could be wrapped, which excludes tables, addresses and the output of make targets."""
    text = re.sub(r"(?<=: written by make )([^\n]*\n).*?(?=<!-- end of)", lambda kept: "\n" * kept[0].count("\n"), text,
                  flags=re.S)
    return [f"{page}:{number}: {len(line)} columns" for number, line in prose(text)
            if len(line) > 100 and not line.startswith(("|", "    ", "<!--")) and " " in line.strip().lstrip("- ")]


def test_the_main_pages_exist():
    assert {"README.md", "etc/README.md", "src/README.md", "tests/README.md", "k8s/README.md"} <= {
        str(page.relative_to(ROOT)) for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_have_targets(page):
    assert not broken_links(page, page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_have_at_most_100_columns(page):
    assert not long_lines(page, page.read_text())


def listed_messages():
    """Returns the messages in the reference's table of log lines."""
    text = (ROOT / "etc/README.md").read_text()
    table = re.search(r"<!-- log messages: .*?-->\n(.*?)<!-- end of", text, re.S)[1]
    return [message for row in table.splitlines()[2:] for message in re.findall(r"`([^`]+)`", row.split("|")[1])]


def test_listed_log_messages_are_logged():
    source = "".join(file.read_text() for file in (ROOT / "src").rglob("*.cc"))
    messages = listed_messages()
    assert len(messages) > 40
    assert not [message for message in messages if f'"{message}"' not in source]


def test_planted_mistakes_are_found():
    page = ROOT / "README.md"
    assert broken_links(page, "[a](nowhere.md)") and broken_links(page, "# B c\n[a](#b-d)")
    assert not broken_links(page, "# B c\n[a](#b-c) [e](etc/README.md#limits) `[x](no)`")
    assert long_lines(page, "word " * 30) and not long_lines(page, "| " + "word " * 30)

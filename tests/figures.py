"""Writes the results of long runs into a page, between two markers for each make target."""

import pathlib

README = pathlib.Path(__file__).with_name("README.md")


def keep(target, text, page=README):
    """Replaces the result of the last run of `make TARGET`."""
    whole = page.read_text()
    begin, end = f"<!-- {target}: written by make {target} -->\n", f"<!-- end of {target} -->"
    before, found, rest = whole.partition(begin)
    _, ended, after = rest.partition(end)
    assert found and ended, f"{page} has no markers for make {target}"
    page.write_text(f"{before}{begin}{text}\n{end}{after}")

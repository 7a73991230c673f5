"""Writes the results of long runs into tests/README.md, between two markers for each make target."""

import pathlib

README = pathlib.Path(__file__).with_name("README.md")


def keep(target, text):
    """Replaces the result of the last run of `make TARGET`."""
    whole = README.read_text()
    begin, end = f"<!-- {target}: written by make {target} -->\n", f"<!-- end of {target} -->"
    before, found, rest = whole.partition(begin)
    _, ended, after = rest.partition(end)
    assert found and ended, f"{README} has no markers for make {target}"
    README.write_text(f"{before}{begin}{text}\n{end}{after}")

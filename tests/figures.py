"""Where tests/README.md keeps what long runs have printed: between two marks for each make target."""

import pathlib

README = pathlib.Path(__file__).with_name("README.md")


def keep(target, text):
    """Replaces what the last run of `make TARGET` has written."""
    whole = README.read_text()
    begin, end = f"<!-- {target}: written by make {target} -->\n", f"<!-- end of {target} -->"
    before, found, rest = whole.partition(begin)
    _, ended, after = rest.partition(end)
    assert found and ended, f"{README} has no place for what make {target} says"
    README.write_text(f"{before}{begin}{text}\n{end}{after}")

"""Finds the series and labels in a PromQL expression.

Prometheus itself parses it (`format_query` returns its canonical form, or an error). In that form a name that is
neither a keyword nor followed by a parenthesis is a metric or a label.
"""

import dataclasses
import re

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[a-zA-Z_][\w:]*|\d[\w.]*|=~|!~|!=|==|>=|<=|.)', re.S)
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_AGGREGATIONS = {"sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk",
                 "quantile"}
_WORDS = {"and", "or", "unless", "bool", "offset", "atan2", "start", "end"}


@dataclasses.dataclass(frozen=True)
class Selector:
    name: str
    matchers: tuple         # (label, operator, value)


def references(canonical):
    """Returns the selectors of an expression, and the labels by which it groups or matches."""
    tokens = _TOKEN.findall(canonical)
    selectors, labels, at = [], [], 0
    while at < len(tokens):
        token, following = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else ""
        at += 1
        if not re.match(r"[a-zA-Z_]", token) or token in _AGGREGATIONS | _WORDS:
            continue
        if token in _GROUPING:
            if following == "(":
                end = tokens.index(")", at)
                labels += [one for one in tokens[at + 1:end] if one != ","]
                at = end + 1
            continue
        if following == "(":
            continue
        matchers = []
        if following == "{":
            end = tokens.index("}", at)
            inside = [one for one in tokens[at + 1:end] if one != ","]
            matchers = [(inside[i], inside[i + 1], inside[i + 2][1:-1]) for i in range(0, len(inside), 3)]
            at = end + 1
        selectors.append(Selector(token, tuple(matchers)))
    return selectors, labels

"""Reads the alerts and the dashboard of k8s/monitoring for the tests."""

import json
import pathlib
import re

import yaml

DIRECTORY = pathlib.Path(__file__).resolve().parents[2] / "k8s" / "monitoring"
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)\b")
# Durations are in brackets or after `offset`.
_TIMED = re.compile(r"\[[^\]]*\]|\boffset\s+\w+")
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def rules():
    """Returns the shipped rule file in Prometheus's own format."""
    return yaml.safe_load((DIRECTORY / "prometheusrule.yaml").read_text())["spec"]


def alerts(spec=None):
    """Returns alert name -> rule."""
    found = [rule for group in (spec or rules())["groups"] for rule in group["rules"]]
    named = {rule["alert"]: rule for rule in found}
    assert len(named) == len(found), "two alerts have the same name"
    return named


def write_rules(path, spec=None):
    path.write_text(yaml.safe_dump(spec or rules(), sort_keys=False, width=1000))


def faster(spec, factor):
    """Returns the rules for a clock that runs `factor` times as fast: divides every `for`, range and offset by it.

    Nothing else changes, so these rules behave like the shipped ones.
    """
    def shorter(match):
        return f"{int(match[1]) * _MILLISECONDS[match[2]] // factor}ms"

    def shorten(rule):
        changed = dict(rule)
        changed["expr"] = _TIMED.sub(lambda timed: _DURATION.sub(shorter, timed[0]), rule["expr"])
        if "for" in rule:
            changed["for"] = _DURATION.sub(shorter, rule["for"])
        return changed

    return {"groups": [{**group, "rules": [shorten(rule) for rule in group["rules"]]} for group in spec["groups"]]}


def dashboard():
    return json.loads((DIRECTORY / "dashboard.json").read_text())


def panels():
    """Returns the panels of the dashboard, without rows."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def targets():
    """Returns every query of the dashboard: (panel, target)."""
    return [(panel, target) for panel in panels() for target in panel["targets"]]


def without_variables(expression):
    """Returns an expression of the dashboard as Grafana sends it with all values selected."""
    for name, value in (("$__rate_interval", "1m"), ("$__range", "1h"), ("$job", "kafka-http-sink")):
        expression = expression.replace(name, value)
    return re.sub(r"\$(namespace|instance|connector)\b", ".*", expression)


def variable_queries():
    """Returns the queries of the dashboard's variables: (metric with selector, label)."""
    found = []
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            query = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"])
            assert query, variable["definition"]
            found.append((without_variables(query[1]), query[2]))
    return found


def expressions():
    """Returns every shipped expression: place -> expression."""
    found = {f"alert {name}": rule["expr"] for name, rule in alerts().items()}
    for panel, target in targets():
        found[f"panel {panel['title']} {target['refId']}"] = without_variables(target["expr"])
    for selector, label in variable_queries():
        found[f"variable {label}"] = f"count by ({label}) ({selector})"
    return found

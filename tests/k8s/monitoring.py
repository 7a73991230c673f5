"""The alerts and the dashboard of k8s/monitoring, as the tests read them."""

import json
import pathlib
import re

import yaml

DIRECTORY = pathlib.Path(__file__).resolve().parents[2] / "k8s" / "monitoring"
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)\b")
# A duration stands in brackets or after `offset`.
_TIMED = re.compile(r"\[[^\]]*\]|\boffset\s+\w+")
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def rules():
    """The rule file that is shipped: what Prometheus itself is given."""
    return yaml.safe_load((DIRECTORY / "prometheusrule.yaml").read_text())["spec"]


def alerts(spec=None):
    """Every rule by its alert's name."""
    found = [rule for group in (spec or rules())["groups"] for rule in group["rules"]]
    named = {rule["alert"]: rule for rule in found}
    assert len(named) == len(found), "two alerts have one name"
    return named


def write_rules(path, spec=None):
    path.write_text(yaml.safe_dump(spec or rules(), sort_keys=False, width=1000))


def faster(spec, factor):
    """The same rules on a clock that runs `factor` times as fast: every `for`, range and offset is divided by it.

    Nothing else is touched, so what a test sees of these is what the shipped ones do.
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
    """The dashboard's panels, rows left out."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def targets():
    """Every query of the dashboard: the panel, and the target."""
    return [(panel, target) for panel in panels() for target in panel["targets"]]


def without_variables(expression):
    """A dashboard's expression as Grafana sends it when everything is chosen."""
    for name, value in (("$__rate_interval", "1m"), ("$__range", "1h"), ("$job", "kafka-http-sink")):
        expression = expression.replace(name, value)
    return re.sub(r"\$(namespace|instance|connector)\b", ".*", expression)


def variable_queries():
    """What fills the dashboard's variables: the metric with its selector, and the label."""
    found = []
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            query = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"])
            assert query, variable["definition"]
            found.append((without_variables(query[1]), query[2]))
    return found


def expressions():
    """Every expression that is shipped, by where it stands."""
    found = {f"alert {name}": rule["expr"] for name, rule in alerts().items()}
    for panel, target in targets():
        found[f"panel {panel['title']} {target['refId']}"] = without_variables(target["expr"])
    for selector, label in variable_queries():
        found[f"variable {label}"] = f"count by ({label}) ({selector})"
    return found

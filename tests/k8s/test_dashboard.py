"""Tests that Grafana can import the dashboard. tests/e2e/test_monitoring.py tests its expressions."""

import itertools
import re

import pytest
import yaml

import monitoring

DASHBOARD = monitoring.dashboard()
PANELS = monitoring.panels()
ROWS = [panel for panel in DASHBOARD["panels"] if panel["type"] == "row"]
# From Grafana's list (packages/grafana-data, valueFormats).
UNITS = {"short", "none", "s", "bytes", "Bps", "percentunit", "reqps", "cps", "ops"}


def test_grafana_can_import_the_dashboard():
    assert DASHBOARD["uid"] == "kafka-http-sink" and DASHBOARD["title"] and "id" not in DASHBOARD
    assert isinstance(DASHBOARD["schemaVersion"], int) and 36 <= DASHBOARD["schemaVersion"] <= 41
    assert "__inputs" not in DASHBOARD, "Grafana does not load a shared export from a file"
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_panels_fill_the_grid_without_overlapping():
    for panel in DASHBOARD["panels"]:
        grid = panel["gridPos"]
        assert grid["x"] >= 0 and grid["y"] >= 0 and grid["w"] > 0 and grid["h"] > 0
        assert grid["x"] + grid["w"] <= 24, panel["title"]
    for one, other in itertools.combinations(DASHBOARD["panels"], 2):
        a, b = one["gridPos"], other["gridPos"]
        apart = (a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
                 or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"])
        assert apart, (one["title"], other["title"])


def test_the_dashboard_has_the_expected_rows():
    assert [row["title"] for row in ROWS] == ["Overview", "Connectors", "Kafka", "Configuration", "Process"]


def test_the_dashboard_has_the_expected_variables():
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert list(variables) == ["datasource", "job", "namespace", "instance", "connector"]
    assert variables["datasource"]["type"] == "datasource" and variables["datasource"]["query"] == "prometheus"
    for name in ("job", "namespace", "instance", "connector"):
        assert variables[name]["multi"] and variables[name]["includeAll"]
    # Plain Prometheus sets no namespace, so "all" must match series without one.
    assert variables["namespace"]["allValue"] == ".*"
    # But "all" jobs must not match every job that exports process_*.
    assert "allValue" not in variables["job"]


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_a_panel_has_a_description_and_a_unit(panel):
    assert panel["description"].endswith(".")
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    if panel["type"] != "table":
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references)
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]
        if panel["type"] == "timeseries":
            assert target["legendFormat"]
            # A variable interval adapts to the scrapes and the zoom.
            assert not re.search(r"\[\d", target["expr"])


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_every_selector_of_a_panel_uses_the_variables(panel):
    for target in panel["targets"]:
        for selector in re.findall(r"(?:kafka_http_sink|process)_\w+(\{[^}]*\})?", target["expr"]):
            assert selector.startswith('{job=~"$job", namespace=~"$namespace", instance=~"$instance"'), target["expr"]


def test_titles_are_unique():
    titles = [panel["title"] for panel in DASHBOARD["panels"]]
    assert len(set(titles)) == len(titles)


def test_the_dashboard_configmap_has_a_stable_name_and_the_grafana_label():
    kustomization = yaml.safe_load((monitoring.DIRECTORY / "kustomization.yaml").read_text())
    generator, = kustomization["configMapGenerator"]
    assert generator["options"] == {"labels": {"grafana_dashboard": "1"}, "disableNameSuffixHash": True}
    assert generator["files"] == ["kafka-http-sink.json=dashboard.json"]

"""A parser of the Prometheus text format 0.0.4."""

import re

PREFIX = "kafka_http_sink_"
_SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$')
_LABEL = re.compile(r'\s*([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"\s*(?:,|$)')


class Metrics:
    """One scrape. Names are given without the project's prefix, except process_*."""

    def __init__(self, text):
        self.types = {}
        self.samples = {}       # (name, frozenset of (label, value)) -> float
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name not in self.types, f"two TYPE lines of {name}"
                self.types[name] = kind
            elif line and not line.startswith("#"):
                sample = _SAMPLE.match(line)
                assert sample, f"not a sample: {line!r}"
                key = sample[1], frozenset(self._labels(sample[2] or ""))
                assert key not in self.samples, f"twice in one scrape: {line!r}"
                self.samples[key] = float(sample[3])

    @staticmethod
    def _labels(text):
        at, labels = 0, []
        while at < len(text):
            label = _LABEL.match(text, at)
            assert label, f"not labels: {text!r}"
            labels.append((label[1], re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], label[2])))
            at = label.end()
        return labels

    def series(self, name, **labels):
        """Returns the series with this name and these labels, as pairs of all labels and the value."""
        full = name if name.startswith("process_") else PREFIX + name
        wanted = set(labels.items())
        return [(dict(have), value) for (sample, have), value in self.samples.items()
                if sample == full and wanted <= have]

    def value(self, name, **labels):
        """Returns the sum of the series with these labels, or None without any."""
        found = [value for _, value in self.series(name, **labels)]
        return sum(found) if found else None

"""docs/metrics.md shows the metrics that the code has."""

from aurora.telemetry.documented import DOCUMENTED, metrics_table
from tests.docs.pages import read, rows


def test_the_page_ends_with_the_table_that_the_code_makes() -> None:
    assert read("metrics.md").endswith(f"\n\n{metrics_table()}")


def test_every_metric_has_one_row_with_type_labels_and_meaning() -> None:
    table = {name: (kind, labels, meaning) for name, kind, labels, meaning in rows(read("metrics.md"))}

    assert table == {
        spec.name: (str(spec.type), ", ".join(spec.labels) or "none", spec.meaning.replace("`", ""))
        for spec in DOCUMENTED
    }

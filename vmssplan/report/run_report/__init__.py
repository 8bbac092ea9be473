"""A Run told after the fact, in one file: HTML, JSON, markdown or SVG from the same chronicle.

Everything is read from the Rollout and the journal; no service is asked. Every text that others
wrote passes redaction once more on its way in, and is escaped on its way out.
"""

from vmssplan.report.run_report.chart import chart_svg
from vmssplan.report.run_report.chronicle import Chronicle
from vmssplan.report.run_report.document import report_json
from vmssplan.report.run_report.folding import chronicle_of
from vmssplan.report.run_report.markdown import report_markdown
from vmssplan.report.run_report.page import report_html

__all__ = [
    "Chronicle",
    "chart_svg",
    "chronicle_of",
    "report_html",
    "report_json",
    "report_markdown",
]

"""JUnit XML for CI servers: one test case per gated cell, one per candidate for the decision as a whole.

Failures and errors are present exactly when the decision is not ``pass``, so that the test page of a CI server and
the exit code of the process agree. A cell without a verdict is a failure, not a skip: unknown is never a pass. The
one exception is an uninformative cell of a candidate that passed without it; the release rule leaves such a cell out
and lists it, and so does its ``skipped`` element.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from tailgate.report.refusals import together
from tailgate.report.view import CandidateView, CellRow, ReportView

# What XML 1.0 allows; anything else has no representation there, not even an escaped one.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(view: ReportView) -> str:
    """The text of ``junit.xml``."""
    suites = ET.Element("testsuites", name=_legal(view.title))
    for candidate in view.candidates:
        suites.append(_suite(view, candidate))
    if not view.candidates:
        suite = ET.SubElement(suites, "testsuite", name="run")
        _fail(_case(suite, "run", "decision"), view.banner.decision, view.banner.sentence)
        _count(suite)
    for name in ("tests", "failures", "errors", "skipped"):
        suites.set(name, str(sum(int(suite.attrib[name]) for suite in suites)))
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n")
    )


def _suite(view: ReportView, candidate: CandidateView) -> ET.Element:
    suite = ET.Element("testsuite", name=_legal(candidate.candidate))
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(view, candidate).items():
        ET.SubElement(properties, "property", name=name, value=_legal(value))
    for cell in candidate.cells:
        _add_cell(suite, candidate, cell)
    _add_decision(suite, candidate)
    _count(suite)
    return suite


def _count(suite: ET.Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))


def _properties(view: ReportView, candidate: CandidateView) -> dict[str, str]:
    return {
        "baseline": candidate.baseline,
        "decision": candidate.decision,
        "bounds": candidate.bounds_note,
        "controls": view.controls,
        "noise floor": view.noise_floor,
        **{f"refusals: {row.cell}": together(row) for row in candidate.refusals},
        **{f"not applicable: {fact.label}": fact.value for fact in view.not_applicable},
    }


def _case(suite: ET.Element, classname: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=_legal(classname), name=_legal(name))


def _add_cell(suite: ET.Element, candidate: CandidateView, cell: CellRow) -> None:
    case = _case(suite, cell.slice, cell.stratum)
    message = _message(candidate, cell)
    if cell.decision == "invalid":
        ET.SubElement(case, "error", type="invalid", message=_legal(message))
    elif cell.decision == "uninformative" and candidate.decision == "pass":
        ET.SubElement(case, "skipped", message=_legal(message))
    elif cell.decision != "pass":
        _fail(case, cell.decision, message)
    lines = [message, *(f"{fact.label}: {fact.value}" for fact in cell.details), *cell.flags]
    ET.SubElement(case, "system-out").text = _legal("\n".join(lines))


def _message(candidate: CandidateView, cell: CellRow) -> str:
    reason = f"; {cell.reason}" if cell.reason else ""
    return (
        f"{cell.decision}: delta {cell.delta} points, one-sided {candidate.confidence} bounds {cell.low} to "
        f"{cell.high}, margin {cell.margin}, n {cell.n}, wins-losses-ties {cell.record}{reason}"
    )


def _add_decision(suite: ET.Element, candidate: CandidateView) -> None:
    case = _case(suite, "tailgate", "decision")
    message = " ".join((candidate.headline + ".", candidate.sentence, *candidate.reasons))
    if candidate.decision == "invalid":
        ET.SubElement(case, "error", type="invalid", message=_legal(message))
    elif candidate.decision != "pass":
        _fail(case, candidate.decision, message)
    ET.SubElement(case, "system-out").text = _legal(f"{message}\n{candidate.contrast.sentence}")


def _fail(case: ET.Element, kind: str, message: str) -> None:
    ET.SubElement(case, "failure", type=kind, message=_legal(message))


def _legal(text: str) -> str:
    return _FORBIDDEN.sub("", text)

import subprocess
import sys

import pytest

from tailgate import report
from tailgate.errors import UsageError
from tailgate.report import file_name, render
from tailgate.report.render import FORMATS
from tests.unit.report.factory import small_run


def test_file_names_are_those_of_a_run_folder():
    assert [file_name(form) for form in FORMATS] == ["verdict.json", "junit.xml", "report.md", "report.html"]


@pytest.mark.parametrize("form", FORMATS)
def test_render_every_format_ends_its_last_line(form):
    assert render(small_run().view(), form).endswith("\n")


@pytest.mark.parametrize("function", [file_name, lambda form: render(small_run().view(), form)])
def test_render_unknown_format_names_the_known_ones(function):
    with pytest.raises(UsageError, match="unknown report format 'pdf'; choose from json, junit, md, html"):
        function("pdf")


def test_report_public_names_exist():
    assert all(hasattr(report, name) for name in report.__all__)


def test_report_import_loads_no_heavy_library():
    heavy = "altair vl_convert jinja2 torch transformers pyarrow pandas"
    code = f"import sys, tailgate.report; print(*sorted(set('{heavy}'.split()) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.stdout.strip() == ""

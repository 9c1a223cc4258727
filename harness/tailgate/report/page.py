"""Pages from templates: every value is escaped, none may be missing."""

from __future__ import annotations

from importlib import resources

from tailgate.errors import MissingPackageError


def asset(name: str) -> str:
    """The text of a file beside the templates."""
    return (resources.files("tailgate.report") / "templates" / name).read_text(encoding="utf-8")


def fill(template: str, **values: object) -> str:
    """A page from the template of that name, with the style of all pages.

    Raises
    ------
    MissingPackageError
        Jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingPackageError("the HTML report needs jinja2; run: pip install 'jinja2>=3.1.6'") from error
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(asset(template)).render(style=asset("report.css"), **values) + "\n"

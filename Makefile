# Everything that must hold before a commit and needs no model.
.PHONY: check format test quickstart

check:
	ruff check .
	ruff format --check .
	mypy
	lint-imports

format:
	ruff check --fix .
	ruff format .

test:
	bash scripts/test.sh

quickstart:
	bash scripts/quickstart.sh

# Everything that must hold before a commit and needs no model.
.PHONY: check format test quickstart kernels

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

# What the kernels take on every architecture; needs no device.
kernels:
	python scripts/check_kernels.py --out results/kernels.md

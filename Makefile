# What there is to run, by name; every recipe sets up what it needs.
.PHONY: test test-interop wheel

# Every test that needs neither torch nor ray.
test:
	cargo test --locked
	python/test.sh

# The adapters and examples with torch, ray and the other libraries; writes the table of docs/interop.md.
test-interop:
	python/test_interop.sh

# A wheel for this machine, and the source distribution, in dist/.
wheel:
	python3 -m venv .venv/build
	.venv/build/bin/pip install --quiet --disable-pip-version-check "maturin>=1.16,<2"
	cd python && ../.venv/build/bin/maturin build --locked --out ../dist
	cd python && ../.venv/build/bin/maturin sdist --out ../dist

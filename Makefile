# Each target sets up what it needs, in .venv and in nothing else; stamps in there make a second call do nothing.
# PYTHON=/path/to/python3.11 names the Python to make .venv with.

# A checkout has one demo, one test run, one bench at a time.
.NOTPARALLEL:
.DELETE_ON_ERROR:

python := .venv/bin/python
pip_install = -m pip install --disable-pip-version-check $(if $(CI),--quiet --progress-bar off)
# Every package of requirements/*.txt by version and hash, then this checkout. tools/lock.sh writes those files.
pip_locked = $(pip_install) --require-hashes --no-deps --requirement
this_checkout = --no-deps --no-build-isolation --editable .

.PHONY: help demo test test-exports test-all test-bpy-4.2 test-bpy-5.0 test-bpy-5.2 test-slow test-blender-4.3 test-blender-5.2 \
	test-trl fuzz test-gui test-gui-4.3 test-gui-5.2 guide lint bench extension FORCE

help:
	@echo "make demo       lay out the demo room: out/demo/"
	@echo "make test       the everyday tests"
	@echo "make test-all   the slow tests, other versions of bpy, and two real Blenders (as root, on Linux)"
	@echo "make fuzz       100,000 broken inputs for every reader, others each time; SEED=N for the same again"
	@echo "make test-gui   the add-on in the windows of two real Blenders, clicked as a person does (as root, on Linux)"
	@echo "make guide      the pictures of docs/guide.md from a window of Blender 5.2 (as root, on Linux), and docs/listing"
	@echo "make lint       ruff, mypy, the diagram of the architecture and the version up to date"
	@echo "make bench      the figures of benchmarks/README.md, measured here"
	@echo "make extension  the zip that Blender installs: dist/"

# With PYTHON named, an environment that is there is checked to be of that version.
$(python): $(if $(PYTHON),FORCE)
	@tools/make_venv.sh .venv 3.11 3.13

.venv/.demo: pyproject.toml requirements/demo.txt | $(python)
	$(python) $(pip_locked) requirements/demo.txt
	$(python) $(pip_install) $(this_checkout)
	$(python) tools/check_bpy.py
	@touch $@

# torch by itself and first, with what it needs: which of its builds is right depends on the machine.
.venv/.test: .venv/.demo requirements/test.txt
	$(python) $(pip_install) torch==2.13.0
	$(python) $(pip_locked) requirements/test.txt
	@touch $@

.venv/.lint: pyproject.toml requirements/lint.txt | $(python)
	$(python) $(pip_locked) requirements/lint.txt
	$(python) $(pip_install) $(this_checkout)
	@touch $@

demo: .venv/.demo
	$(python) headless/generate.py --task assets/tasks/demo.json --policy builtin --turns 3 --seed 2 --out out/demo

test: .venv/.test
	$(python) -m pytest -n auto --dist loadfile -m "not slow"

test-all: test-bpy-4.2 test-bpy-5.0 test-bpy-5.2 test-slow test-trl test-exports test-blender-4.3 test-blender-5.2

test-bpy-4.2:
	@CI=$(CI) tools/test_bpy.sh 4.2.23 3.11
test-bpy-5.0:
	@CI=$(CI) tools/test_bpy.sh 5.0.1 3.11
test-bpy-5.2:
	@CI=$(CI) tools/test_bpy.sh 5.2.3 3.13

test-slow: .venv/.test
	$(python) -m pytest -m "slow"

fuzz: .venv/.test
	@seed=$${SEED:-$$(date +%s)}; echo "make fuzz SEED=$$seed runs the same again"; \
	$(python) -m pytest -n auto --hypothesis-profile=long --hypothesis-seed=$$seed --timeout 3600 \
		tests/hostile/test_fuzz.py tests/hostile/test_fuzz_assets.py tests/hostile/test_fuzz_turns.py

# TRL, OpenEnv and Gymnasium in an environment of their own: the losses are held to TRL's, and they use the environment.
test-trl: .venv-trl/.test
	.venv-trl/bin/python -m pytest tests/headless/rl/test_trl.py tests/headless/engines

.venv-trl/.test: pyproject.toml
	@tools/make_venv.sh .venv-trl 3.11
	.venv-trl/bin/python $(pip_install) torch==2.13.0
	.venv-trl/bin/python $(pip_install) --editable ".[bpy,trl,openenv,gymnasium,test-blender]"
	@touch $@

# Exports as Khronos' and Pixar's own validators see them, each in a place of its own. Without npm USD alone is tested.
test-exports: .venv/.test .venv-exports/.test
	$(python) -m pytest tests/blender/scene_io/test_valid_exports.py

.venv-exports/.test: Makefile
	@tools/make_venv.sh .venv-exports 3.11
	.venv-exports/bin/python $(pip_install) usd-core==26.11
	if command -v npm >/dev/null; then npm install --no-save --prefix .venv-exports gltf-validator@2.0.0-dev.3.10; fi
	@touch $@

test-blender-4.3: .venv/.test
	@tools/test_blender.sh trixie
test-blender-5.2:
	@tools/test_blender.sh sid

test-gui: test-gui-4.3 test-gui-5.2

test-gui-4.3: .venv/.test
	@tools/test_gui.sh trixie
test-gui-5.2: .venv/.test
	@tools/test_gui.sh sid

guide: .venv/.test
	tools/make_guide.sh
	$(python) tools/make_listing.py

lint: .venv/.lint
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy
	$(python) tools/draw_architecture.py --check
	$(python) tools/check_release.py >/dev/null

bench: .venv/.test
	$(python) -m benchmarks.run

extension: .venv/.demo
	$(python) tools/build_extension.py

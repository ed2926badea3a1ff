"""The rule "nothing is skipped in CI" itself, tried on a suite that skips in each way there is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SKIPS = {
    "mark": "import pytest\n@pytest.mark.skip(reason='no browser')\ndef test_it(): pass\n",
    "call": "import pytest\ndef test_it(): pytest.skip('no browser')\n",
    "fixture": "import pytest\n@pytest.fixture\ndef page(): pytest.skip('no browser')\ndef test_it(page): pass\n",
    "module": "import pytest\npytest.skip('no browser', allow_module_level=True)\n",
}
OTHERS = {
    "xfail": "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it(): raise AssertionError\n",
    "pass": "def test_it(): pass\n",
}


def run(folder: Path, sources: dict[str, str], **environment: str) -> subprocess.CompletedProcess[str]:
    for name, source in sources.items():
        (folder / f"test_{name}.py").write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.plugins.no_skips", "--rootdir", str(folder), str(folder)],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k not in {"CI", "ENRICHER_CI"}} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("variable", ["CI", "ENRICHER_CI"])
def test_in_ci_every_skip_is_a_failure_that_names_the_test(variable: str, tmp_path: Path) -> None:
    finished = run(
        tmp_path, {way: source for way, source in SKIPS.items() if way != "module"} | OTHERS, **{variable: "true"}
    )
    assert finished.returncode == 1
    for way in ("mark", "call", "fixture"):
        assert f"test_{way}.py::test_it may not be skipped in CI. Skipped: no browser" in finished.stdout
    assert " 1 failed, 1 passed, 1 xfailed, 2 errors in " in finished.stdout.splitlines()[-1]


def test_in_ci_a_module_may_not_skip_itself(tmp_path: Path) -> None:
    finished = run(tmp_path, {"module": SKIPS["module"]}, CI="true")
    assert finished.returncode == 2  # pytest's code for a suite that could not be collected
    assert "test_module.py may not be skipped in CI. Skipped: no browser" in finished.stdout


def test_elsewhere_a_skip_stays_a_skip(tmp_path: Path) -> None:
    finished = run(tmp_path, SKIPS | OTHERS, CI="false")
    assert finished.returncode == 0
    assert " 1 passed, 4 skipped, 1 xfailed in " in finished.stdout.splitlines()[-1]

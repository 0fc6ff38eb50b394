"""`docs/diffusers.md` names a test for each habit."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = (TESTS.parents[1] / "docs" / "diffusers.md").read_text(encoding="utf-8")


def test_each_habit_names_tests_that_exist():
    rows = [line for line in TABLE.splitlines() if line.startswith("| ") and not line.startswith(("| Habit", "| ---"))]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(test_\w+\.py)?(?:::(test_\w+))?`", row)
        assert any(file for file, _ in named), row
        for file, test in named:
            # Without a file's name, it is that of the test before.
            path = TESTS / file if file else path  # noqa: F821
            functions = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
            assert not test or test in functions, f"{path.name} has no {test}"

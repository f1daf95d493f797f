"""The pytest plugin, as a user's project sees it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def this_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Child processes load the plugin of this checkout, and no others, which take longer than the tests."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "verifier.pytest_plugin")


GOOD = """MM two
{ int x; int y; }
P0 { x = 1; [F] smp_mb(); r0 = y; }
P1 { y = 1; [F] smp_mb(); r0 = x; }
variants { F never "fenced"; B sometimes "not"; }
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""


@pytest.mark.long
def test_a_test_a_variant(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here pytest finds the plugin itself."""
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    monkeypatch.delenv("PYTEST_PLUGINS")
    pytester.makefile(".litmus", two=GOOD)
    result = pytester.runpytest_subprocess("-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*two.litmus::F PASSED*", "*two.litmus::B PASSED*"])


@pytest.mark.long
def test_a_variant_is_chosen_by_its_name(pytester: pytest.Pytester) -> None:
    pytester.makefile(".litmus", two=GOOD)
    pytester.runpytest_subprocess("-k", "B").assert_outcomes(passed=1, deselected=1)


@pytest.mark.long
def test_a_difference_shows_its_story(pytester: pytest.Pytester) -> None:
    pytester.makefile(".litmus", two=GOOD.replace("B sometimes", "B never"))
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*DIFFERS: expected never*", "*goes to the store buffer*"])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.long
def test_a_deadlock_says_who_waits(pytester: pytest.Pytester) -> None:
    pytester.makefile(
        ".litmus", stuck="MM stuck\n{ spinlock_t l = 1; }\nP0 { spin_lock(&l); }\nexists (l = 1)\n"
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    told = "no run ends: CPU 0 waits in line 3 for l, and it is held from the start"
    result.stdout.fnmatch_lines([f"*{told}*"])


@pytest.mark.long
def test_a_file_with_errors_is_one_failing_item(pytester: pytest.Pytester) -> None:
    pytester.makefile(".litmus", two=GOOD, broken="MM broken\n{ }\nP0 { [Q] r0 = 1; }\nexists (0:r0 = 1)\n")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*broken.litmus:3:6: error: there is no variant 'Q'*", "*^^^*"])


@pytest.mark.long
def test_errors_in_programs_are_one_failing_item_too(pytester: pytest.Pytester) -> None:
    pytester.makefile(".litmus", two=GOOD.replace("x = 1;", "fooo();"))
    result = pytester.runpytest_subprocess("-v")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*two.litmus::error FAILED*", "*two.litmus:3:6: error: *fooo*"])


@pytest.mark.long
def test_warnings_are_in_the_summary_and_can_be_errors(pytester: pytest.Pytester) -> None:
    pytester.makefile(".litmus", two=GOOD.replace("MM two\n", "MM two\nSourse=here\n"))
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=2, warnings=2)
    result.stdout.fnmatch_lines(["*two.litmus:2:1: warning: unknown key 'Sourse'*"])
    pytester.runpytest_subprocess("--verifier-strict").assert_outcomes(failed=2)


@pytest.mark.long
def test_variants_that_are_the_same_are_a_warning(pytester: pytest.Pytester) -> None:
    pytester.makefile(".litmus", two=GOOD.replace("B sometimes", "B sometimes; C sometimes"))
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=3, warnings=1)
    result.stdout.fnmatch_lines(["*warning: variants B and C are the same test*"])


@pytest.mark.long
def test_no_file_keeps_others_from_being_collected(pytester: pytest.Pytester) -> None:
    pytester.makefile(".litmus", two=GOOD, strange=GOOD.replace("MM two", "MM strange"))
    os.mkfifo(pytester.path / "pipe.litmus")
    pytester.makeconftest(
        """
        import verifier.suite.load
        load = verifier.suite.load.load_checked

        def fails(source, defines=None, tree=None):
            if "strange" in source.name:
                raise KeyError("strange")
            return load(source, defines, tree)

        verifier.suite.load.load_checked = fails
        """
    )
    result = pytester.runpytest_subprocess("-v")
    result.assert_outcomes(passed=2, failed=1)  # to pytest a pipe is nothing to collect
    result.stdout.fnmatch_lines(
        ["*strange.litmus: this is a fault of the verifier*", "*KeyError: 'strange'*"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.long
def test_a_test_that_dies_takes_no_other_with_it(pytester: pytest.Pytester) -> None:
    pytester.makefile(".litmus", two=GOOD)
    pytester.makeconftest(
        """
        import os
        import signal
        import verifier.suite.decide
        run = verifier.suite.decide.run

        def dies(test, options):
            if test.variant == "B":
                os.kill(os.getpid(), signal.SIGKILL)
            return run(test, options)

        verifier.suite.decide.run = dies
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*two::B*unknown*its process was killed by SIGKILL*"])


KERNEL = """MM flag
#kernel "kernel/flag.c" { wait_flag }
#kernel "include/flags.h"
#config !CONFIG_STATISTICS, !CONFIG_FENCES, !CONFIG_SLOW
{ struct board board; }
P0 { r0 = wait_flag(&board); }
expect always;
exists (0:r0 = -1)
"""
SMALL = Path(__file__).parents[1] / "trees" / "small"


@pytest.mark.long
def test_a_kernels_text(pytester: pytest.Pytester) -> None:
    pytester.makefile(".litmus", flag=KERNEL, two=GOOD)
    skipped = pytester.runpytest_subprocess("-rs")
    skipped.assert_outcomes(passed=2, skipped=1)
    skipped.stdout.fnmatch_lines(["*--verifier-kernel DIR names a tree*"])
    pytester.runpytest_subprocess(f"--verifier-kernel={SMALL}").assert_outcomes(passed=3)
    pytester.makepyprojecttoml(f'[tool.verifier]\nkernel = "{SMALL}"\n')
    pytester.runpytest_subprocess().assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--verifier-profile=inel", "inel"),
        ("--verifier-timeout=0", "timeout must be a positive number of seconds"),
        ("--verifier-memory=-5", "memory must be a whole number of MB from 1 to"),
    ],
)
def test_a_wrong_option_is_one_error_of_the_call(pytester: pytest.Pytester, option: str, said: str) -> None:
    pytester.makefile(".litmus", two=GOOD)
    result = pytester.runpytest_subprocess(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *{said}*"])


@pytest.mark.long
def test_a_tree_that_is_not_there(pytester: pytest.Pytester) -> None:
    pytester.makefile(".litmus", flag=KERNEL)
    result = pytester.runpytest_subprocess("--verifier-kernel=none")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--kernel none: there is no directory*"])
    pytester.makepyprojecttoml("[tool.verifier]\nkernal = 1\n")
    result = pytester.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*has no key 'kernal'*"])

"""Profiles, switches, and expectations that depend on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import InputError, UsageError
from verifier.program.profiles import CHOICES, PROFILES, Switches, switches
from verifier.results import expected_of
from verifier.source import Source
from verifier.suite.load import load_checked
from verifier.syntax import load

TEXT = """MM t
{{ int x; }}
P0 {{ r0 = READ_ONCE(x); }}
{}
exists (0:r0 = 0)
"""


def test_settings() -> None:
    assert switches("amd").smc == "amd"
    assert switches("intel", {"tce": "true"}).tce is True
    assert switches("generic", {"walk_forward": "memory_only"}).walk_forward == "memory_only"
    for profile, settings in (("nosuch", {}), ("amd", {"nosuch": "true"}), ("amd", {"tce": "maybe"})):
        with pytest.raises(UsageError):
            switches(profile, settings)


def test_a_profile_is_data() -> None:
    for chosen in PROFILES.values():
        for name in Switches._fields:
            value = getattr(chosen, name)
            assert value in CHOICES[name] if name in CHOICES else isinstance(value, bool)


def test_the_last_expectation_that_fits_counts() -> None:
    (test,) = load(Source("t", TEXT.format("expect sometimes, amd never, tce=false always;")))
    assert expected_of(test, "generic", PROFILES["generic"]) == ("sometimes", False)
    assert expected_of(test, "amd", PROFILES["amd"]) == ("never", False)
    assert expected_of(test, "intel", PROFILES["intel"]) == ("always", False)
    assert expected_of(test, "amd", switches("amd", {"tce": "false"})) == ("always", False)
    (test,) = load(Source("t", TEXT.format('expect intel sometimes hangs, amd hangs "why";')))
    assert expected_of(test, "generic", PROFILES["generic"]) == (None, False)
    assert expected_of(test, "intel", PROFILES["intel"]) == ("sometimes", True)
    assert expected_of(test, "amd", PROFILES["amd"]) == (None, True)


def test_in_variants() -> None:
    text = TEXT.format('variants { A sometimes, amd never "why"; B : A never; }')
    text = text.replace("READ_ONCE(x)", "READ_ONCE(x); [A & !B] smp_mb()")
    tests = load(Source("t", text))
    assert [expected_of(t, "amd", PROFILES["amd"])[0] for t in tests] == ["never", "never"]
    assert [t.expected for t in tests] == ["sometimes", "never"]


@pytest.mark.parametrize("word", ["amx never", "tcf=false never", "tce=perhaps never"])
def test_what_does_not_exist_is_an_error(word: str) -> None:
    with pytest.raises(InputError) as info:
        load_checked(Source("t", TEXT.format(f"expect sometimes, {word};")))
    assert info.value.diagnostics[0].span is not None


def test_the_general_one_comes_first() -> None:
    with pytest.raises(InputError):
        load(Source("t", TEXT.format("expect amd never, sometimes;")))


@pytest.mark.slow
def test_compare(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "litmus/linux/switch_mm-vs-flush.litmus", "--profiles", "generic,sc"]) == 0
    out = capsys.readouterr().out
    assert "switch_mm-vs-flush::B1  sometimes  never" in out
    assert out.endswith("8 tests: 6 the same everywhere, 2 different\n")
    assert main(["compare", "litmus/linux", "--profiles", "nosuch"]) == 2


def test_compare_reads_a_kernel_tree(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", "tests/trees/flag.litmus", "--profiles", "generic,sc"]
    assert main([*words, "--kernel", "tests/trees/small"]) == 0
    assert capsys.readouterr().out.endswith("2 tests: 1 the same everywhere, 1 different\n")
    assert main(words) == 0
    assert "1 skipped (1 a kernel's own text" in capsys.readouterr().out


def test_compare_goes_on_after_a_file_with_errors(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.litmus").write_text("MM t\n{ int x; }\nP0 { y = 1; }\nexists (x = 1)\n")
    (tmp_path / "b.litmus").write_text("MM t\n{ int x; }\nP0 { x = 1; }\nexists (x = 1)\n")
    assert main(["compare", str(tmp_path), "--profiles", "generic,sc"]) == 2
    told = capsys.readouterr()
    assert "a.litmus:3:6: error: there is no 'y'" in told.err
    assert told.out == "1 test: 1 the same everywhere, 0 different, 1 file with errors\n"


def test_rules_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules"]) == 0
    assert "5.7   MOV CR3" in capsys.readouterr().out
    assert main(["rules", "5.7"]) == 0
    assert "whatever root" in capsys.readouterr().out
    assert main(["rules", "5.77"]) == 2
    capsys.readouterr()
    assert main(["rules", "5"]) == 0
    told = capsys.readouterr().out
    assert "5.1  " in told and "5.7  " in told and "\n6.1  " not in told
    assert main(["rules", "tce"]) == 0
    assert all("tce" in rule for rule in capsys.readouterr().out.split("\n\n") if rule.startswith("switches"))

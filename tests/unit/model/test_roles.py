"""The table of roles is closed, and each switch in a row belongs to a rule that the row cites."""

from __future__ import annotations

import re

import pytest

from verifier.errors import InternalError
from verifier.model.roles import ROLES, Role, SwitchValue, role
from verifier.model.rules import rules
from verifier.program.events import Event
from verifier.program.profiles import GENERIC, Switches


def test_a_row_says_what_an_event_is() -> None:
    fence = role(Event(0, 0, 0, "F", kind="lock"))
    assert fence.drains is True
    assert fence.serializes is False


@pytest.mark.parametrize(
    ("op", "kind"), [("F", "dmb"), ("INV", "everything"), ("BARRIER", ""), ("R", "held")]
)
def test_what_no_row_knows_is_an_error(op: str, kind: str) -> None:
    with pytest.raises(InternalError):
        role(Event(0, 0, 0, op, kind=kind, serializing=True))


def test_the_relaxed_form_is_a_row_of_its_own() -> None:
    assert role(Event(0, 0, 0, "INV", kind="invlpg")) is ROLES["INV relaxed"]


@pytest.mark.parametrize("key", ROLES)
def test_a_switch_belongs_to_a_rule_that_is_cited(key: str) -> None:
    row: Role = ROLES[key]
    cited = re.findall(r"[0-9]+\.[0-9]+", row.source.split("(")[0])
    named = {Switches._fields[x.at] for column in row if isinstance(column, tuple) for x in column}
    assert named <= {s for number in cited for s in rules()[number].switches}


@pytest.mark.parametrize("key", ROLES)
def test_a_wait_for_the_store_buffer_has_its_rules(key: str) -> None:
    row: Role = ROLES[key]
    cited = re.findall(r"[0-9]+\.[0-9]+", row.source.split("(")[0])
    named = re.findall(r"[0-9]+\.[0-9]+", row.waits)
    assert bool(named) == bool(row.drains or row.promised)
    assert set(named) <= set(cited)


def test_settings_are_told_as_users_write_them() -> None:
    assert str(SwitchValue(Switches._fields.index("dlv_drains_sb"), True)) == "dlv_drains_sb"
    assert str(SwitchValue(Switches._fields.index("x2apic_fence"), "mfence")) == "x2apic_fence=mfence"
    assert GENERIC[Switches._fields.index("x2apic_fence")] == GENERIC.x2apic_fence

"""Questions that are answered before anything runs: by ``#config``, by what a tree has, by its Makefile.

Here is also what a test says to questions that nobody asks, and of calls that nobody makes.
"""

from __future__ import annotations

from collections.abc import Collection

from verifier.kernel.conditions import ASSUMED
from verifier.lower.c.kernel_notes import Account
from verifier.lower.c.presence import Presence
from verifier.source import Diagnostic
from verifier.syntax import ast
from verifier.syntax.kernel import Cutter
from verifier.syntax.nodes import nodes
from verifier.syntax.trouble import Trouble

# Questions about the configuration, the processor and static keys, which #config answers.
QUESTIONS = frozenset(
    {
        "IS_ENABLED", "IS_BUILTIN", "IS_REACHABLE", "static_cpu_has", "boot_cpu_has", "this_cpu_has",
        "cpu_has", "cpu_feature_enabled", "static_cpu_has_safe", "boot_cpu_has_bug", "static_cpu_has_bug",
        "static_branch_likely", "static_branch_unlikely", "static_key_false", "static_key_true",
        "static_key_enabled", "alternative_has_feature",
    }
)  # fmt: skip


class Questions:
    """Answers questions about a tree; what cannot be answered is said to ``account``. ``own_fields``: as
    ``Presence.asks`` takes them."""

    def __init__(
        self, cutter: Cutter, account: Account, presence: Presence, own_fields: frozenset[str]
    ) -> None:
        self.cutter, self.account, self.presence, self.own_fields = cutter, account, presence, own_fields

    def version(self, e: ast.Ident) -> ast.CExpr:
        """``LINUX_VERSION_CODE``."""
        version = self.cutter.tree.version
        if version is None:
            hint = "its Makefile has no VERSION and PATCHLEVEL"
            self.account.trouble("version", "this tree does not say which kernel it is", e.span, hint)
        return ast.Num(version or 0, e.span)

    def feature(self, e: ast.CallExpr) -> ast.CExpr:
        """A question that #config answers."""
        asked = e.arguments[0] if len(e.arguments) == 1 else None
        while isinstance(asked, ast.Unary) and asked.op == "&":
            asked = asked.operand
        name = asked.name if isinstance(asked, ast.Ident) else e.span.text
        value = self.cutter.config.value(name)
        if value is None:
            hint = f"write #config {name} or !{name}"
            self.account.trouble("config", f"nothing decides {e.name}({name})", e.span, hint)
            value = 0
        self.account.note("decided", name, "assumed" if name in ASSUMED else "by #config", e.span)
        return ast.Num(int(bool(value)), e.span)

    def defined(self, e: ast.CallExpr) -> ast.CExpr:
        """``defined(name)``, ``defined(struct.field)``: does the tree have it?"""
        try:
            answer = self.presence.asks(e, self.own_fields)
        except Trouble as trouble:
            self.account.said(trouble)
            return ast.Num(0, e.span)
        self.account.note("decided", e.span.text, answer.where, e.span)
        return ast.Num(int(answer.is_there), e.span)

    def unused(self, asked: ast.KernelText, enums: Collection[str]) -> None:
        """Note the options that nobody asks for. Another version of the text may ask for them."""
        for said in asked.config:
            if said.name not in self.cutter.config.used and said.name not in enums:
                self.account.note("unused", said.name, "nothing in this text asks for it", said.span)


def uncalled(
    unit: ast.Unit, asked: ast.KernelText, used: Collection[str], account: Account
) -> list[Diagnostic]:
    """What the test leaves out of this text, and this text never calls. Another version may call it."""
    found: list[Diagnostic] = []
    own = [f for f in unit.functions.values() if not f.kernel]
    ours = {x.name for x in nodes((unit.threads, unit.nmis, own)) if isinstance(x, ast.CallExpr)}
    for o in asked.without:
        if o.name not in used and not o.optional:
            text = f"nothing in this text calls {o.name}"
            if o.name in ours:
                hint = f"#without is about the kernel's text; put a guard before {o.name}()"
                account.trouble("without", f"{text}, but the test's own code does", o.span, hint)
                continue
            hint = "it is taken by #kernel" if o.name in unit.functions else "leave it out"
            found.append(Diagnostic("without", text, o.span, hint, severity="warning"))
    return found

"""A run as a graph for Graphviz: one column for each CPU, program order down, the edges of its execution
across. The steps that matter are bold."""

from __future__ import annotations

from verifier.program.events import show
from verifier.program.trace import Trace
from verifier.results import Verdict

_LABELS = {
    "rf": "rf, color=red", "co": "co, color=blue, constraint=false",
    "fr": "fr, style=dashed, constraint=false",
    "walk": "walk", "copy": "fetch", "sends": "IPI", "answers": "ack", "broadcast": "INVLPGB",
    "grace": '"grace period", style=dotted',
}  # fmt: skip


def dot(verdict: Verdict, trace: Trace) -> str:
    """The graph as text."""
    say = verdict.program.naming.at if verdict.program else lambda cell, value: show(value)
    holds = "in which it holds" if trace is verdict.witness else "in which it does not hold"
    title = f"{verdict.test.id}: a run {'that hangs' if trace is verdict.hang else holds}"
    if trace.matter is not None:
        title += f"\n{trace.matter.told(verdict.test.source.name)}"
    bold = set(trace.matter.steps) if trace.matter is not None else set()
    out = [f"digraph {_quote(verdict.test.id)} {{", f"  label={_quote(title)};"]
    out.append("  node [shape=box, fontname=monospace];")
    last: dict[int, str] = {}
    columns: dict[int, list[str]] = {}
    edges: list[str] = []
    for number, step in enumerate(trace.steps):
        node = f"s{number}"
        label = step.event.text or step.event.op if step.event else step.kind
        if step.kind in ("commit", "fill"):
            pairs = ", ".join(f"{c} = {say(c, v)}" for c, v in step.writes)
            label = f"{'TLB fill' if step.kind == 'fill' else 'commit'}: {pairs}"
        elif step.kind == "cached":
            label = f"in the TLB: {', '.join(f'{c} -> {say(c, v)}' for c, v in step.writes)}\n{step.note}"
        elif step.kind == "warn":
            label += " warns"
        values = ", ".join(f"{c} = {say(c, v)}" for c, v in step.reads)
        label += f"\nreads {values}" if values else ""
        columns.setdefault(-1 if step.cpu is None else step.cpu, []).append(
            f"    {node} [label={_quote(label)}{', style=bold' if number in bold else ''}];"
        )
        if step.cpu is not None and step.kind == "exec":
            if step.cpu in last:
                edges.append(f"  {last[step.cpu]} -> {node} [label=po];")
            last[step.cpu] = node
    edges += [f"  s{a.first} -> s{a.second} [label={_LABELS[a.kind]}];" for a in trace.arcs]
    for cpu, nodes in sorted(columns.items()):
        title = f"CPU {cpu}" if cpu >= 0 else "all"
        out += [f"  subgraph cluster_{cpu + 1} {{", f"    label={_quote(title)};", *nodes, "  }"]
    return "\n".join([*out, *edges, "}", ""])


def _quote(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'

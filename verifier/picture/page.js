"use strict";
(() => {
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  const steps = new Map();  // key of a step -> its elements
  const lines = new Map();  // key of a line -> its element
  const rows = all("tr[data-step]");
  for (const e of all("[data-step]"))
    steps.set(e.dataset.step, [...(steps.get(e.dataset.step) || []), e]);
  for (const e of all("[data-line]")) lines.set(e.dataset.line, e);
  const at = (row) => row.dataset.at.split(" ").filter(Boolean);
  const cited = new Set(rows.flatMap(at));
  for (const key of cited) {
    const line = lines.get(key);
    if (line) { line.classList.add("v-cited"); line.tabIndex = -1; }
  }
  let on = [];
  const clear = () => {
    for (const e of on) { e.classList.remove("v-on"); e.removeAttribute("aria-current"); }
    on = [];
  };
  // Wide pages keep the story and the source in view; on narrow ones a click does not move the page.
  const wide = window.matchMedia("(min-width: 1100px)");
  const reveal = (of) => {
    const e = of.querySelector("rect.b") || of;  // the box of a node, without its number at the margin
    const box = e.closest(".v-table,.v-scroll,.v-source");
    if (wide.matches || (box && box.scrollHeight > box.clientHeight))
      e.scrollIntoView({block: "nearest", inline: "nearest"});
    else if (box && of.matches("g")) {
      const [a, b] = [e.getBoundingClientRect(), box.getBoundingClientRect()];
      if (a.left < b.left) box.scrollLeft += a.left - b.left - 8;
      else if (a.right > b.right) box.scrollLeft += a.right - b.right + 8;
    }
  };
  const mark = (e, into) => {
    e.classList.add("v-on");
    e.setAttribute("aria-current", "true");
    on.push(e);
    if (into) reveal(e);
  };
  const show = (chosen, from) => {
    clear();
    const found = new Set();
    for (const row of chosen) {
      for (const e of steps.get(row.dataset.step)) found.add(e);
      for (const key of at(row)) if (lines.has(key)) found.add(lines.get(key));
    }
    for (const e of found) mark(e, e !== from && !e.contains(from));
  };
  const row = (key) => steps.get(key).find((e) => e.matches("tr"));
  const pick = (e) => {
    const step = e.closest("[data-step]");
    const line = e.closest("[data-line]");
    if (step) show([row(step.dataset.step)], e);
    else if (line && cited.has(line.dataset.line))
      show(rows.filter((r) => at(r).includes(line.dataset.line)), e);
    else return null;
    return step || line;
  };
  const enter = (r) => {
    for (const other of r.parentNode.children) other.tabIndex = other === r ? 0 : -1;
    r.focus({preventScroll: true});
    show([r], null);
    if (!wide.matches) r.scrollIntoView({block: "nearest"});
  };
  const move = (by) => {
    const now = rows.findIndex((r) => r.classList.contains("v-on"));
    const next = rows[now < 0 ? (by > 0 ? 0 : rows.length - 1) : now + by];
    if (next) enter(next);
  };
  document.addEventListener("click", (event) => {
    if (event.target.closest("input,label")) return;
    pick(event.target);
  });
  document.addEventListener("focusin", (event) => {
    if (event.target.matches("tr[data-step],[data-line],g[data-step]")) pick(event.target);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-minor]"))
      event.target.closest("figure").classList.toggle("v-all", event.target.checked);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input,select,textarea")) return;
    const by = {j: 1, ArrowDown: 1, k: -1, ArrowUp: -1}[event.key];
    const among = on.length || (document.activeElement && document.activeElement.matches("tr[data-step]"));
    if (by && (among || event.key.length === 1)) { move(by); event.preventDefault(); }
    else if (event.key === "Escape") { clear(); if (document.activeElement) document.activeElement.blur(); }
  });
})();

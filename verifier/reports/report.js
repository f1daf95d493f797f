"use strict";
// Filters the table of the index. The choices stand in the address, so that a link keeps them.
(() => {
  const form = document.querySelector("form.filters");
  const rows = Array.from(document.querySelectorAll("table.tests > tbody > tr"), (tr) => ({
    tr,
    text: tr.textContent.toLowerCase(),
    folder: tr.dataset.folder || "",
    verdict: tr.dataset.verdict.split("|"),
    expectation: tr.dataset.expectation,
    rule: (tr.dataset.rule || "").split(" "),
    claim: (tr.dataset.claim || "").split(" "),
  }));
  const fits = {
    folder: (row, want) => row.folder === want || row.folder.startsWith(want + "/"),
    verdict: (row, want) => row.verdict.includes(want),
    expectation: (row, want) => row.expectation === want,
    rule: (row, want) => row.rule.includes(want),
    claim: (row, want) => row.claim.includes(want),
    text: (row, want) => want.toLowerCase().split(/\s+/).every((word) => row.text.includes(word)),
  };
  const fields = Object.keys(fits).map((name) => form.elements[name]).filter((field) => field);

  function apply() {
    const wanted = fields.filter((field) => field.value.trim() !== "");
    let count = 0;
    for (const row of rows) {
      const shown = wanted.every((field) => fits[field.name](row, field.value.trim()));
      row.tr.hidden = !shown;
      count += shown;
    }
    form.querySelector("output").textContent = `${count} of ${rows.length}`;
    form.classList.toggle("on", wanted.length > 0);
  }

  function keep() {
    const said = new URLSearchParams();
    for (const field of fields) {
      if (field.value.trim() !== "") said.set(field.name, field.value.trim());
    }
    const hash = said.toString();
    history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search);
    apply();
  }

  function read() {
    const said = new URLSearchParams(location.hash.slice(1));
    for (const field of fields) {
      const value = said.get(field.name) || "";
      field.value = value;
      if (field.value !== value) field.value = ""; // a choice that this report does not have
    }
    apply();
  }

  const way = (tr) => tr.querySelector("td:nth-child(2) a") || tr.querySelector("a");

  // Up and down go from row to row, "/" goes to the text, Escape clears it.
  function move(step) {
    const links = rows.filter((row) => !row.tr.hidden).map((row) => way(row.tr));
    const at = links.indexOf(document.activeElement);
    const to = links[Math.min(Math.max(at + step, 0), links.length - 1)];
    if (to) to.focus();
  }

  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const here = event.target;
    if (event.key === "/" && here !== form.elements.text) form.elements.text.focus();
    else if (event.key === "Escape" && here === form.elements.text) {
      here.value = "";
      keep();
    } else if (here.tagName === "SELECT") return;
    else if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(-1);
    else return;
    event.preventDefault();
  });
  form.addEventListener("input", keep);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(keep));
  addEventListener("hashchange", read);
  form.hidden = false;
  read();
})();

"use strict";
// Filters and sorts the table of mistakes that stands in the page; without it the table is whole.
for (const box of document.querySelectorAll("[data-mistakes]")) {
  const body = box.querySelector("tbody");
  const rows = Array.from(body.rows);
  const words = box.querySelector("[data-filter]");
  const label = box.querySelector("[data-choose]");
  const told = box.querySelector("[data-told]");
  const number = new Intl.NumberFormat("en");
  function filter() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const fits = wanted.every((word) => text.includes(word));
      const labelled = !label || !label.value || row.dataset.target === label.value;
      row.hidden = !(fits && labelled);
      shown += row.hidden ? 0 : 1;
    }
    told.textContent = number.format(shown) + " of " + number.format(rows.length) + " shown";
  }
  function key(row, column, numeric) {
    const cell = row.cells[column];
    const value = cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value;
    return numeric ? (value === "" ? -Infinity : Number(value)) : value.toLowerCase();
  }
  for (const button of box.querySelectorAll("button[data-sort]")) {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const numeric = button.dataset.sort === "number";
      const sorted = rows.slice().sort((a, b) => {
        const one = key(a, head.cellIndex, numeric);
        const other = key(b, head.cellIndex, numeric);
        const order = one < other ? -1 : one > other ? 1 : 0;
        return up ? order : -order;
      });
      body.append(...sorted);
    });
  }
  words.addEventListener("input", filter);
  if (label) label.addEventListener("change", filter);
  box.querySelector("[data-tools]").hidden = false;
  filter();
}

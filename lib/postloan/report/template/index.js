"use strict";
// Sort by a column's button, filter by text; the page is complete without this script.
const body = document.querySelector("#reports tbody");
const rows = Array.from(body.rows);
const collator = new Intl.Collator("zh-CN", { numeric: true });

function key(row, column) {
  const cell = row.cells[column];
  return cell.dataset.sort ?? cell.textContent.trim();
}

function order(column, kind, direction) {
  const missing = (text) => text === "" || text === "—";
  const compare = (a, b) => {
    const [left, right] = [key(a, column), key(b, column)];
    if (missing(left) || missing(right)) return missing(left) - missing(right);
    const [x, y] = [left, right].map((text) => parseFloat(text.replace(/,/g, "").replace("−", "-")));
    const numeric = kind === "number" && !Number.isNaN(x) && !Number.isNaN(y);
    return direction * (numeric ? x - y : collator.compare(left, right));
  };
  body.append(...rows.sort(compare));
}

for (const button of document.querySelectorAll("#reports thead button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentElement.querySelectorAll("[aria-sort]")) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    order(head.cellIndex, head.dataset.kind, ascending ? 1 : -1);
  });
}

const filter = document.querySelector("#filter");
filter.addEventListener("input", () => {
  const words = filter.value.toLocaleLowerCase().split(/\s+/);
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLocaleLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    shown += row.hidden ? 0 : 1;
  }
  document.querySelector("#shown").textContent = `${shown} / ${rows.length}`;
});

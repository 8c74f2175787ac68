"use strict";
// Search, filter and sort the work list; the page is complete without this script. What is chosen stands in the
// address behind #, so that a list can be bookmarked. Only so many rows are drawn at a time, however many there are.
const STEP = 100;
const table = document.querySelector("#reports");
const body = table.tBodies[0];
const heads = Array.from(table.tHead.rows[0].cells);
const form = document.querySelector(".filter");
const shown = document.querySelector("#shown");
const more = document.querySelector("#more");
const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });
let rows = null;
let listed = [];
let drawn = 0;
let sorting = "";

function record(row) {
  const text = `${row.cells[0].textContent} ${row.dataset.also ?? ""}`.toLocaleLowerCase(); // the name in both languages
  return { row, text, keys: new Map(), order: 0 };
}

// The rows behind the first ones are text until somebody asks: a browser that runs scripts does not lay them out.
function all() {
  if (rows) return rows;
  const rest = document.createElement("template");
  rest.innerHTML = document.querySelector("#rest")?.textContent ?? "";
  rows = [...body.rows, ...rest.content.querySelectorAll("tbody tr")].map(record);
  rows.forEach((each, place) => { each.order = place; });
  return rows;
}

function key(each, column, kind) {
  if (!each.keys.has(column)) {
    const cell = each.row.cells[column];
    const text = cell.dataset.sort ?? cell.textContent.trim();
    const number = parseFloat(text.replace(/,/g, "").replace("−", "-"));
    const missing = text === "" || text === "—";
    const numeric = kind === "number" || kind === "rank";
    each.keys.set(column, missing || (numeric && Number.isNaN(number)) ? null : numeric ? number : text);
  }
  return each.keys.get(column);
}

function sorted(found) {
  const column = heads.findIndex((head) => head.dataset.col === sorting.replace("-", ""));
  if (column < 0) return found.sort((a, b) => a.order - b.order);
  const kind = heads[column].dataset.kind;
  const direction = sorting.startsWith("-") ? -1 : 1;
  return found.sort((a, b) => {
    const [left, right] = [key(a, column, kind), key(b, column, kind)];
    if (left === null || right === null) return (left === null) - (right === null) || a.order - b.order;
    const difference = kind === "text" ? collator.compare(left, right) : left < right ? -1 : left > right ? 1 : 0;
    return direction * difference || a.order - b.order;
  });
}

function wanted(chosen) {
  const words = (chosen.q ?? "").toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const tests = [(each) => words.every((word) => each.text.includes(word))];
  for (const name of ["level", "class", "owner"]) {
    if (chosen[name]) tests.push((each) => each.row.dataset[name] === chosen[name]);
  }
  const industry = heads.findIndex((head) => head.dataset.col === "industry");
  if (chosen.industry) tests.push((each) => each.row.cells[industry].textContent === chosen.industry);
  if (chosen.report) tests.push((each) => each.row.dataset.report.split(" ").includes(chosen.report));
  if (chosen.due) tests.push((each) => each.row.dataset.due !== "" && each.row.dataset.due <= chosen.due);
  return (each) => tests.every((test) => test(each));
}

function draw(count) {
  drawn = Math.min(count, listed.length);
  body.replaceChildren(...listed.slice(0, drawn).map((each) => each.row));
  more.hidden = drawn === listed.length;
  const said = { found: listed.length, all: rows.length, drawn };
  shown.textContent = shown.dataset.text.replace(/\[(\w+)\]/g, (_, name) => said[name].toLocaleString());
}

function apply() {
  const chosen = Object.fromEntries(new FormData(form));
  listed = sorted(all().filter(wanted(chosen)));
  draw(STEP);
  for (const head of heads) {
    const own = head.dataset.col === sorting.replace("-", "");
    if (head.dataset.kind !== "none") {
      head.setAttribute("aria-sort", own ? (sorting.startsWith("-") ? "descending" : "ascending") : "none");
    }
  }
  const told = Object.entries({ ...chosen, sort: sorting }).filter(([, value]) => value !== "");
  history.replaceState(null, "", told.length ? "#" + new URLSearchParams(told) : location.pathname + location.search);
}

function recall() {
  const asked = new URLSearchParams(location.hash.slice(1));
  for (const field of form.elements) if (field.name) field.value = asked.get(field.name) ?? "";
  for (const field of form.querySelectorAll("select")) if (field.selectedIndex < 0) field.value = "";
  sorting = asked.get("sort") ?? "";
  apply();
}

for (const head of heads.filter((each) => each.dataset.kind !== "none")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  head.setAttribute("aria-sort", "none");
  button.addEventListener("click", () => {
    const ways = [head.dataset.col, "-" + head.dataset.col];
    if (head.dataset.kind === "rank") ways.reverse(); // the worst first
    sorting = sorting === ways[0] ? ways[1] : ways[0];
    apply();
  });
}
form.hidden = false;
form.addEventListener("input", apply);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => { sorting = ""; setTimeout(apply); });
more.addEventListener("click", () => {
  const next = drawn;
  draw(drawn + STEP);
  listed[next]?.row.querySelector("a")?.focus();
});
addEventListener("hashchange", recall);
if (location.hash.length > 1) recall(); // a bookmarked list at once, else when the page has been drawn
else requestAnimationFrame(() => setTimeout(recall));

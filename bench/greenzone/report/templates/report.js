// Sorts a table by a column when its header is pressed; without this the page is complete.
"use strict";
const UNITS = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
const size = (text) => {
  const found = /^[<>= ]*(-?[\d.]+)(?: (KiB|MiB|GiB))?/.exec(text);
  return found ? parseFloat(found[1]) * (UNITS[found[2]] || 1) : NaN;
};
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  if (!body || body.rows.length < 2) continue;
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const text = (row) => row.cells[column].textContent.trim();
      const order = (a, b) => {
        const [x, y] = [size(text(a)), size(text(b))];
        const said = isNaN(x) || isNaN(y) ? text(a).localeCompare(text(b)) : x - y;
        return down ? -said : said;
      };
      body.append(...[...body.rows].sort(order));
    });
  });
}

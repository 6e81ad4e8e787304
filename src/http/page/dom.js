// Makes elements. What others sent goes into `textContent` and attributes, never into markup.

export const byId = (id) => document.getElementById(id);

/** An element with a class, a text or children. */
export function el(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

export function icon(name) {
  const svg = svgEl("svg", { class: "icon", "aria-hidden": "true" });
  svg.append(svgEl("use", { href: `#icon-${name}` }));
  return svg;
}

export function svgEl(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** A row of a table, with the names of its cells: narrow windows show these names instead of a table, and roles say so. */
export function tableRow(head, cells) {
  head.scope = "row";
  head.setAttribute("role", "rowheader");
  const row = el("tr", "", head);
  row.setAttribute("role", "row");
  for (const [name, content] of Object.entries(cells)) {
    const cell = el("td", "", content);
    cell.setAttribute("role", "cell");
    cell.dataset.name = name;
    row.append(cell);
  }
  return row;
}

/** Sets a text where it differs: a screen reader hears of changes only, and a selection is kept. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setIcon(svg, name) {
  svg.firstElementChild.setAttribute("href", `#icon-${name}`);
}

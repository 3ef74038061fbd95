// Elements from data.  Text is always text.

export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...kept(children));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...kept(children));
  return made;
}

export function replace(parent, children) {
  parent.replaceChildren(...kept([children]));
}

const kept = (children) => children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== "" && one !== false);

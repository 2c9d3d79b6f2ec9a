// Faults of a page that a script can find, as sentences. WCAG 2.2: names (4.1.2), labels (3.3.2), contrast (1.4.3, 1.4.11),
// landmarks and headings (1.3.1, 2.4.1), language (3.1.1), sizes of targets (2.5.8), reflow (1.4.10), focus that is seen (2.4.7).
() => {
  const found = [];
  const seen = (element) => {
    const style = getComputedStyle(element), box = element.getBoundingClientRect();
    return style.visibility !== "hidden" && style.display !== "none" && box.width > 1 && box.height > 1;
  };
  const said = (element) => `<${element.tagName.toLowerCase()}${element.id ? "#" + element.id : ""}> "${(element.textContent || element.value || "").trim().slice(0, 40)}"`;
  const text = (ids) => ids.split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim();
  const name = (element) => {
    const by = element.getAttribute("aria-labelledby");
    if (by) return text(by);
    if (element.getAttribute("aria-label")) return element.getAttribute("aria-label");
    if (element.labels?.length) return [...element.labels].map((label) => label.textContent.trim()).join(" ").trim();
    if (element.matches("fieldset")) return element.querySelector("legend")?.textContent.trim() ?? "";
    const own = element.cloneNode(true);
    own.querySelectorAll("[aria-hidden=true], kbd").forEach((hidden) => hidden.remove());
    return own.textContent.trim() || element.getAttribute("title") || "";
  };
  if (!document.documentElement.lang) found.push("the page names no language");
  if (!document.title.trim()) found.push("the page has no title");
  if (document.querySelectorAll("main").length !== 1) found.push("the page has not one <main>");
  const headings = [...document.querySelectorAll("h1, h2, h3, h4")].map((one) => Number(one.tagName[1]));
  if (headings.filter((level) => level === 1).length !== 1) found.push("the page has not one <h1>");
  headings.forEach((level, place) => {
    if (place && level > headings[place - 1] + 1) found.push(`a heading of level ${level} follows one of level ${headings[place - 1]}`);
  });
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  [...new Set(ids.filter((id, place) => ids.indexOf(id) !== place))].forEach((id) => found.push(`two elements have the id ${id}`));
  for (const attribute of ["aria-labelledby", "aria-describedby", "for"])
    for (const element of document.querySelectorAll(`[${attribute}]`))
      for (const id of element.getAttribute(attribute).split(/\s+/))
        if (!document.getElementById(id)) found.push(`${said(element)}: ${attribute} names ${id}, which is not there`);
  for (const element of document.querySelectorAll("a[href], button, summary, select, textarea, fieldset, input:not([type=hidden]), [role=region], nav, progress"))
    if (seen(element) && !name(element)) found.push(`${said(element)} has no name`);
  for (const image of document.querySelectorAll("svg:not([aria-hidden=true], [role=img] svg)"))
    if (!image.querySelector("title") && !image.getAttribute("aria-label") && !image.getAttribute("aria-labelledby")) found.push(`${said(image)}: a drawing without a title`);
  for (const table of document.querySelectorAll("table"))
    if (!table.querySelector("th[scope]")) found.push(`${said(table)}: a table without headers`);
  for (const element of document.querySelectorAll("button, .button, select, input:not([type=hidden]), .bar a")) {
    const box = element.getBoundingClientRect();
    // 2.5.8: 24 by 24, unless it stands in a line of text or its label makes it larger.
    if (seen(element) && !element.labels?.length && (box.height < 23.5 || box.width < 23.5)) found.push(`${said(element)} is ${Math.round(box.width)} by ${Math.round(box.height)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth + 1) found.push(`the page is ${document.documentElement.scrollWidth} wide, the window ${innerWidth}`);
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colour = (css) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const light = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map((part) => ((part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const over = (top, below) => [0, 1, 2].map((at) => top[at] * top[3] + below[at] * (1 - top[3])).concat(1);
  const contrast = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const layer = colour(getComputedStyle(at).backgroundColor);
      layers.push(layer);
      if (layer[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
  };
  const poor = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    // What is off is exempt (1.4.3), and texts of plots lie on drawn grounds: the plots have tests of their own.
    if (!walker.currentNode.data.trim() || !seen(element) || element.closest(":disabled, svg, .only-read, option, fieldset:disabled")) continue;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const below = ground(element), ratio = contrast(over(colour(style.color), below), below);
    if (ratio < (large ? 3 : 4.5)) poor.set(`${element.className || element.tagName}`, `${said(element)} has a contrast of ${ratio.toFixed(2)}`);
  }
  for (const element of document.querySelectorAll("input:not([type=hidden], [type=checkbox], [type=radio]), select, textarea")) {
    if (!seen(element) || element.matches(":disabled")) continue;
    const below = ground(element.parentElement), edge = over(colour(getComputedStyle(element).borderTopColor), below);
    if (contrast(edge, below) < 3) poor.set(`edge ${element.tagName}`, `the edge of ${said(element)} has a contrast of ${contrast(edge, below).toFixed(2)}`);
  }
  found.push(...poor.values());
  return found;
}

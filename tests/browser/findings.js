// What is wrong with the page as it stands, as sentences. Everything is measured as the browser has laid it out.
(rules) => {
  "use strict";
  const found = [];
  const WHITE = [255, 255, 255, 1];
  const width = document.documentElement.clientWidth;
  const height = document.documentElement.clientHeight;
  const round = Math.round;

  function named(element) {
    const label = (element.textContent || element.getAttribute("aria-label") || "").trim().replace(/\s+/g, " ").slice(0, 24);
    const id = element.id ? `#${element.id}` : element.className && element.className.baseVal === undefined ? `.${element.className}` : "";
    return `<${element.tagName.toLowerCase()}${id}> “${label}”`;
  }

  function isSeen(element) {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  }

  // What scrolls goes on behind what stands.
  function stands(element) {
    return element && (["fixed", "sticky"].includes(getComputedStyle(element).position) || stands(element.parentElement));
  }

  function mayCover(one, other) {
    return !rules.still && Boolean(stands(one)) !== Boolean(stands(other));
  }

  // -- controls ---------------------------------------------------------------------------------------------------

  const controls = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")].filter(isSeen);
  const boxes = controls.map((control) => (control.closest("label") ?? control).getBoundingClientRect()); // its words are hit as well

  function gap(a, b) {
    const across = Math.max(a.left - b.right, b.left - a.right, 0);
    const down = Math.max(a.top - b.bottom, b.top - a.bottom, 0);
    return Math.hypot(across, down);
  }

  controls.forEach((control, at) => {
    const box = boxes[at];
    if (box.width < rules.control - 0.5 || box.height < rules.control - 0.5) {
      found.push(`${named(control)} is ${round(box.width)} × ${round(box.height)} px: less than ${rules.control}`);
    }
    if (box.left < -0.5 || box.top < -0.5 || box.right > width + 0.5 || box.bottom > height + 0.5) {
      if (rules.still) found.push(`${named(control)} is not wholly on the screen: ${round(box.left)},${round(box.top)} to ${round(box.right)},${round(box.bottom)}`);
    } else {
      for (const [x, y] of [[0.5, 0.5], [0.25, 0.25], [0.75, 0.75]]) {
        const hit = document.elementFromPoint(box.left + box.width * x, box.top + box.height * y);
        if (hit && mayCover(hit, control)) break;
        if (hit && !control.contains(hit) && !hit.contains(control) && !hit.closest("label")?.contains(control)) {
          found.push(`${named(control)} is covered by ${named(hit)}`);
          break;
        }
        if (hit && hit !== control && hit.contains(control) && !control.closest("label")) {
          found.push(`a tap on ${named(control)} misses it`);
          break;
        }
      }
    }
    for (let other = at + 1; other < controls.length; other += 1) {
      if (control.contains(controls[other]) || controls[other].contains(control)) continue;
      const apart = gap(box, boxes[other]);
      if (apart < rules.apart - 0.5) found.push(`${named(control)} and ${named(controls[other])} are ${round(apart)} px apart: less than ${rules.apart}`);
    }
  });

  // -- colours (WCAG 2.2, "relative luminance" and "contrast ratio") ---------------------------------------------------

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colours = new Map();

  function colour(text) {
    // Whatever the syntax, the browser itself turns it into red, green, blue and how opaque.
    if (!colours.has(text)) {
      canvas.canvas.width = canvas.canvas.height = 1;
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = text;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      colours.set(text, [r, g, b, a / 255]);
    }
    return colours.get(text);
  }

  function over(top, below) {
    const a = top[3];
    return [0, 1, 2].map((at) => top[at] * a + below[at] * (1 - a)).concat(1);
  }

  function luminance([r, g, b]) {
    const [x, y, z] = [r, g, b].map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  }

  function contrast(one, other) {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  }

  // All grounds that may lie below a text: a gradient has several, and each must do.
  function grounds(element) {
    if (!element) return [WHITE];
    const style = getComputedStyle(element);
    const stops = style.backgroundImage.match(/(?:rgba?|color|oklch|oklab|hsla?)\([^()]*\)/g);
    const own = stops ? stops.map(colour) : [colour(style.backgroundColor)];
    if (own.every((one) => one[3] === 1)) return own;
    const below = grounds(element.parentElement);
    return own.flatMap((one) => below.map((under) => over(one, under)));
  }

  function opacity(element) {
    return element ? Number(getComputedStyle(element).opacity) * opacity(element.parentElement) : 1;
  }

  // -- texts ------------------------------------------------------------------------------------------------------------

  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const element = node.parentElement;
    if (!node.data.trim() || ["SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE"].includes(element.tagName) || !isSeen(element)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const scale = element.ownerSVGElement ? Math.abs(element.getScreenCTM().d) : 1; // a picture's px are not the page's
    const size = Math.round(parseFloat(getComputedStyle(element).fontSize) * scale * 10) / 10;
    // A line's box is as high as the font's tallest glyph; what is drawn of ours is about one em of it.
    const lines = [...range.getClientRects()].filter((line) => line.width > 0).map((line) => {
      const middle = (line.top + line.bottom) / 2;
      return { left: line.left, right: line.right, top: middle - size / 2, bottom: middle + size / 2 };
    });
    if (!lines.length) continue;
    const words = `“${node.data.trim().replace(/\s+/g, " ").slice(0, 32)}”`;
    texts.push({ words, element, lines, size });

    if (size < rules.text - 0.01) found.push(`${words} is ${size} px: less than ${rules.text}`);

    const ink = colour(getComputedStyle(element).color);
    const faded = [...ink.slice(0, 3), ink[3] * opacity(element)];
    const worst = Math.min(...grounds(element).map((ground) => contrast(over(faded, ground), ground)));
    if (worst < rules.contrast - 0.005) found.push(`${words} has a contrast of ${worst.toFixed(2)}: less than ${rules.contrast}`);

    // Inside whatever is drawn around it, and inside whatever cuts it off.
    for (let box = element; box && box !== document.documentElement; box = box.parentElement) {
      const style = getComputedStyle(box);
      if (style.display === "inline" || style.display === "contents") continue;
      const drawn = colour(style.backgroundColor)[3] > 0 || style.backgroundImage !== "none" || parseFloat(style.borderTopWidth) > 0;
      const cuts = style.overflowX !== "visible" || style.overflowY !== "visible";
      if (!drawn && !cuts) continue;
      const { left, right, top, bottom } = box.getBoundingClientRect();
      const out = lines.find((line) => line.left < left - 1 || line.right > right + 1 || line.top < top - 1 || line.bottom > bottom + 1);
      if (out) {
        found.push(`${words} leaves ${named(box)}`);
        break;
      }
    }
    if (rules.still && lines.some((line) => line.left < -1 || line.top < -1 || line.right > width + 1 || line.bottom > height + 1)) {
      found.push(`${words} leaves the screen`);
    }
  }

  texts.forEach((one, at) => {
    for (const other of texts.slice(at + 1)) {
      const meets = one.lines.some((a) => other.lines.some((b) =>
        Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2));
      if (meets && !mayCover(one.element, other.element)) found.push(`${one.words} and ${other.words} lie on each other`);
    }
  });

  // -- what would have to be scrolled, and what is cut off ---------------------------------------------------------------

  const page = document.scrollingElement;
  if (page.scrollWidth > width + 1) found.push(`the page is ${page.scrollWidth} px wide, the screen ${width}`);
  if (rules.still && page.scrollHeight > height + 1) found.push(`the page is ${page.scrollHeight} px high, the screen ${height}`);
  for (const element of document.body.querySelectorAll("*")) {
    if (!(element instanceof HTMLElement) || !isSeen(element)) continue;
    const style = getComputedStyle(element);
    if (style.display === "inline" || !element.clientWidth) continue;
    if (element.scrollWidth > element.clientWidth + 1 && style.overflowX !== "visible") {
      found.push(`${named(element)} is ${element.scrollWidth} px wide inside ${element.clientWidth}`);
    }
    if (rules.still && element.scrollHeight > element.clientHeight + 1 && style.overflowY !== "visible") {
      found.push(`${named(element)} is ${element.scrollHeight} px high inside ${element.clientHeight}`);
    }
  }

  // -- letters the fonts do not have: drawn like one that nobody has (U+0378 is assigned to nothing) ------------------------

  const ctx = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const family = getComputedStyle(document.body).fontFamily;
  const drawn = new Map();
  function picture(letter) {
    if (!drawn.has(letter)) {
      ctx.canvas.width = ctx.canvas.height = 40;
      ctx.font = `28px ${family}`;
      ctx.fillText(letter, 4, 32);
      drawn.set(letter, ctx.getImageData(0, 0, 40, 40).data.join());
    }
    return drawn.get(letter);
  }
  const letters = new Set([...(document.body.innerText + rules.letters)].filter((letter) => letter > "\u007f" && letter.trim()));
  for (const letter of letters) {
    if (picture(letter) === picture("\u0378") || picture(letter) === picture(" ")) found.push(`the fonts have no “${letter}” (U+${letter.codePointAt(0).toString(16)})`);
  }

  const places = {};
  for (const [name, selector] of Object.entries(rules.places)) {
    const element = document.querySelector(selector);
    if (!element || !isSeen(element)) continue;
    const box = element.getBoundingClientRect();
    places[name] = [box.left, box.top, box.width, box.height].map(round);
  }
  return { found: [...new Set(found)], places };
};

// What the interactive figures share: where they come in, controls, drawing, a seeded generator.
// A dial takes the place of a figure's picture; without scripts, and on paper, the picture stays.
"use strict";
window.dials = (() => {
  const builders = {};

  const append = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const make = (tag, attributes = {}, ...children) =>
    append(document.createElement(tag), attributes, children);
  const draw = (tag, attributes = {}, ...children) =>
    append(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  // Numbers in [0, 1), the same for the same seed in every browser: 32 bits, shifted and mixed.
  const uniform = (seed) => {
    let state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1;
    const next = () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) / 4294967296;
    };
    for (let i = 0; i < 8; i++) next(); // seeds that differ in one bit part
    return next;
  };

  // A slider over places 0 .. count - 1, each with its text.
  const slider = (name, count, at, text, changed) => {
    const input = make("input", { type: "range", min: 0, max: count - 1, step: 1 });
    input.value = at;
    const shown = make("span", { class: "dial-value" });
    const tell = () => {
      shown.textContent = text(+input.value);
      input.setAttribute("aria-valuetext", text(+input.value));
    };
    input.addEventListener("input", () => { tell(); changed(+input.value); });
    tell();
    return {
      element: make("label", { class: "dial-slider" }, make("span", {}, name), input, shown),
      get at() { return +input.value; },
      set at(place) { input.value = place; tell(); },
    };
  };

  // One of several, by mouse or by the arrow keys.
  let groups = 0;
  const choice = (name, options, at, changed) => {
    const group = `dial-choice-${groups++}`;
    const box = make("fieldset", { class: "dial-choice" }, make("legend", {}, name));
    let chosen = at;
    options.forEach((text, i) => {
      const input = make("input", { type: "radio", name: group });
      input.checked = i === at;
      input.addEventListener("change", () => { chosen = i; changed(i); });
      box.append(make("label", {}, input, ` ${text}`));
    });
    return { element: box, get at() { return chosen; } };
  };

  const button = (text, pressed) => {
    const element = make("button", { type: "button" }, text);
    element.addEventListener("click", pressed);
    return element;
  };

  // A plane with axes: x and y map numbers to places; marks are drawn into `layer`.
  const plane = ({ x, y, xTicks, yTicks, xName, yName, height = 230 }) => {
    const width = 340, left = 38, bottom = height - 40, right = width - 10, top = 22;
    const px = (v) => left + ((v - x[0]) / (x[1] - x[0])) * (right - left);
    const py = (v) => bottom - ((v - y[0]) / (y[1] - y[0])) * (bottom - top);
    const axes = draw("g", { class: "dial-axes" });
    for (const v of xTicks) {
      axes.append(draw("line", { x1: px(v), x2: px(v), y1: top, y2: bottom }));
      axes.append(draw("text", { x: px(v), y: bottom + 16, "text-anchor": "middle" }, `${v}`));
    }
    for (const v of yTicks) {
      axes.append(draw("line", { x1: left, x2: right, y1: py(v), y2: py(v) }));
      axes.append(draw("text", { x: left - 5, y: py(v) + 4, "text-anchor": "end" }, minus(v)));
    }
    axes.append(
      draw("text", { x: (left + right) / 2, y: height - 6, "text-anchor": "middle" }, xName),
      draw("text", { x: 4, y: 12 }, yName),
    );
    const layer = draw("g");
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" }, axes, layer);
    return { svg, layer, px, py };
  };

  const minus = (v) => `${v}`.replace("-", "−");
  const line = (points, attributes) =>
    draw("polyline", { points: points.map((p) => p.join(",")).join(" "), fill: "none", ...attributes });

  const register = (name, build) => { builders[name] = build; };
  const mount = (place) => {
    const figure = document.getElementById(place.dataset.figure);
    const values = JSON.parse(document.getElementById(place.dataset.values).textContent);
    const live = make("div", { class: "dial-live", role: "group", "aria-label": place.dataset.title });
    builders[place.dataset.dial](live, values);
    live.append(...place.childNodes);
    figure.prepend(live);
    figure.classList.add("dialled"); // last: a dial that fails leaves the picture
  };
  const start = () => document.querySelectorAll(".dial").forEach(mount);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else setTimeout(start);

  return { append, button, choice, draw, line, make, minus, plane, register, slider, uniform };
})();

// Sweeps of Q-learning with process reward on a graph that the reader draws: do the values settle?
// All values are quarters plus integers, so a browser's numbers are exact.
"use strict";
(() => {
  const { button, choice, draw, line, make, minus, plane, slider, uniform } = window.dials;

  // f[j][k] <- A[j][k] - 1 + (1 if k is the target, else the best of row k); the target's row stays.
  const bellman = (adjacency, table, target) => {
    const best = table.map((row) => Math.max(...row));
    return table.map((row, j) =>
      row.map((old, k) => (j === target ? old : adjacency[j][k] - 1 + (k === target ? 1 : best[k]))));
  };

  const reaches = (adjacency, target) => {
    const known = [target];
    for (const k of known)
      adjacency.forEach((row, j) => { if (row[k] && !known.includes(j)) known.push(j); });
    return adjacency.map((_, j) => +known.includes(j));
  };

  // Whether j leads to k by legal steps off the target, none being a way too.
  const leads = (adjacency, target) => {
    const off = adjacency.map((row, j) => row.map((a, k) => +(a && j !== target && k !== target)));
    const columns = adjacency.map((_, k) => reaches(off, k));
    return adjacency.map((_, j) =>
      adjacency.map((_, k) => columns[k][j] && j !== target && k !== target));
  };

  // Part (e): V0(e) <= r_c + [c does not lead to e], c on a cycle off the target. Returns what breaks it, or null.
  const broken = (adjacency, start, target) => {
    const alive = reaches(adjacency, target), lead = leads(adjacency, target);
    const cyclic = adjacency.map((row, j) => row.some((a, k) => a && lead[k][j]));
    for (let c = 0; c < adjacency.length; c++)
      for (let e = 0; e < adjacency.length; e++) {
        const most = alive[c] + !lead[c][e];
        if (cyclic[c] && e !== target && start[e] > most) return { c, e, most };
      }
    return null;
  };

  // The values after 0, 1, 2, ... sweeps until they come again: a value too high falls by 1 within n sweeps, or never.
  const follow = (adjacency, start, target) => {
    let table = start.map((v) => start.map(() => v));
    const seen = [[...start]], keys = [`${start}`];
    while (seen.length < 100) {
      table = bellman(adjacency, table, target);
      const values = table.map((row) => Math.max(...row)), first = keys.indexOf(`${values}`);
      if (first >= 0) return { seen, first, period: seen.length - first };
      seen.push(values);
      keys.push(`${values}`);
    }
    throw new Error("values that never come again: no sweep of this book does that");
  };

  const ends = (adjacency, start, target) => {
    const { seen, first, period } = follow(adjacency, start, target);
    const goal = reaches(adjacency, target), last = seen[first];
    const found = period === 1 && last.every((v, j) => j === target || v === goal[j]);
    return { seen, first, period, found, goal };
  };

  const SWEEPS = 12, MARKS = ["circle", "square", "triangle", "diamond"];
  const PLACES = [[60, 60], [60, 190], [200, 190], [200, 60]];

  const mark = (kind, x, y, size, attributes) => {
    const d = { square: `M${x - size} ${y - size}h${2 * size}v${2 * size}h${-2 * size}z`,
      triangle: `M${x} ${y - 1.2 * size}l${1.2 * size} ${2.2 * size}h${-2.4 * size}z` }[kind];
    return kind === "circle" ? draw("circle", { cx: x, cy: y, r: size, ...attributes })
      : draw("path", { d, ...attributes });
  };

  // From node to node, bent aside so that two opposite arrows part; a loop on itself.
  const arrow = (j, k) => {
    const [[x, y], [u, v]] = [PLACES[j], PLACES[k]];
    if (j === k) {
      const way = x < 130 ? -1 : 1;
      return `M${x + way * 14} ${y - 14}C${x + way * 54} ${y - 44} ${x + way * 54} ${y + 44} ${x + way * 17} ${y + 15}`;
    }
    const length = Math.hypot(u - x, v - y), [a, b] = [(u - x) / length, (v - y) / length];
    const bend = [(x + u) / 2 - b * 20, (y + v) / 2 + a * 20];
    const near = (p, q) => {
      const far = Math.hypot(bend[0] - p, bend[1] - q);
      return [p + ((bend[0] - p) / far) * 24, q + ((bend[1] - q) / far) * 24];
    };
    return `M${near(x, y)}Q${bend} ${near(u, v)}`;
  };

  const build = (live, { adjacency: given, target, starts }) => {
    const adjacency = given.map((row) => [...row]), n = adjacency.length;
    const nodes = adjacency.map((_, j) => j).filter((j) => j !== target);
    let seed = 0, start;
    const random = () => {
      const next = uniform(seed++);
      return adjacency.map((_, j) => (j === target ? 0 : Math.floor(15 * next()) / 4 - 1));
    };
    const names = [...Object.keys(starts), "random"];

    // The matrix: a button an edge; arrow keys walk over it.
    const cells = [];
    const toggle = (j, k) => {
      const name = `edge from ${j} to ${k === target ? `the target, ${k}` : k}`;
      const cell = make("button", { type: "button", "aria-label": name });
      const show = () => {
        cell.setAttribute("aria-pressed", !!adjacency[j][k]);
        cell.textContent = adjacency[j][k] ? "●" : "";
      };
      cell.addEventListener("click", () => { adjacency[j][k] = 1 - adjacency[j][k]; show(); renew(); });
      cell.addEventListener("keydown", (event) => {
        const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -n, ArrowDown: n }[event.key];
        const next = by && cells[cells.indexOf(cell) + by];
        if (next) { event.preventDefault(); next.focus(); }
      });
      show();
      cells.push(cell);
      return make("td", {}, cell);
    };
    const heads = adjacency.map((_, k) => make("th", { scope: "col" }, k === target ? `${k} ★` : `${k}`));
    const matrix = make("table", { class: "dial-matrix" }, make("caption", {}, "Edges: from (row) to (column)"),
      make("thead", {}, make("tr", {}, make("td"), ...heads)),
      make("tbody", {}, ...nodes.map((j) =>
        make("tr", {}, make("th", { scope: "row" }, `${j}`), ...adjacency.map((_, k) => toggle(j, k))))));

    const from = choice("start of V", names, names.length - 2, () => { draws(); renew(); });
    const again = button("draw again", () => { draws(); renew(); });
    const sweep = slider("sweep", SWEEPS + 1, 0, (t) => `${t}`, () => redraw());
    const picture = draw("svg", { viewBox: "20 20 220 215", role: "img", class: "dial-graph" });
    const place = make("div", { class: "dial-panel" });
    const says = make("p", { class: "dial-says", role: "status" });
    const expects = make("p", { class: "dial-says" });
    live.append(
      make("div", { class: "dial-controls" }, matrix, make("div", {}, from.element, again, sweep.element)),
      make("div", { class: "dial-panels" }, make("div", { class: "dial-panel" }, picture), place),
      says, expects,
    );

    let run;
    const draws = () => {
      again.hidden = from.at < names.length - 1;
      start = again.hidden ? adjacency.map((_, j) => (j === target ? 0 : starts[names[from.at]])) : random();
    };
    const at = (t) => run.seen[t < run.seen.length ? t : run.first + ((t - run.first) % run.period)];
    const word = (j) => `node ${j}`;
    const list = (all) => all.join(all.length > 2 ? ", " : " and ");

    const renew = () => {
      run = ends(adjacency, start, target);
      const last = run.seen[run.first], wrong = nodes.filter((j) => last[j] !== run.goal[j]);
      const after = run.first === 1 ? "1 sweep" : `${run.first} sweeps`;
      says.textContent = run.found
        ? `Right: after ${after} V is 1 where the target can be reached and 0 elsewhere, and stays.`
        : run.period === 1
          ? `Stuck: after ${after} V moves no more, though ${list(wrong.map((j) =>
            `${word(j)} has ${minus(last[j])} where ${run.goal[j]} is right`))}.`
          : `Never at rest: after ${after} the same ${run.period} sets of values come round for ever.`;
      const bad = broken(adjacency, start, target);
      expects.textContent = bad
        ? `Part (e), from the start alone: V will not come right. Node ${bad.c} lies on a cycle off the target, and V starts at ${minus(start[bad.e])} at node ${bad.e}, above ${bad.most}.`
        : "Part (e), from the start alone: V will come right. No cycle off the target is started too high.";
      says.dataset.found = run.found;
      expects.dataset.found = !bad;
      redraw();
    };

    const redraw = () => {
      const t = sweep.at, now = at(t);
      picture.replaceChildren(draw("defs", {}, draw("marker",
        { id: "dial-tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" },
        draw("path", { d: "M0 0L8 4L0 8z", class: "dial-tip" }))));
      const edges = [];
      for (const j of nodes)
        adjacency[j].forEach((a, k) => {
          if (!a) return;
          edges.push(`${j} to ${k}`);
          picture.append(draw("path", { d: arrow(j, k), class: "dial-edge", "marker-end": "url(#dial-tip)" }));
        });
      adjacency.forEach((_, j) => {
        const [x, y] = PLACES[j];
        const off = j === target ? "" : now[j] === run.goal[j] ? " dial-right" : " dial-wrong";
        picture.append(draw("circle", { cx: x, cy: y, r: 21, class: `dial-node${off}` }));
        picture.append(draw("text", { x, y: y + 5, "text-anchor": "middle", class: "dial-big" },
          j === target ? "★" : minus(now[j])));
        picture.append(draw("text", { x, y: y + (y > 125 ? 38 : -28), "text-anchor": "middle" },
          j === target ? `${j}, the target` : word(j)));
      });
      picture.setAttribute("aria-label", `Edges ${edges.join(", ") || "none"}. After ${t} sweeps V is ${
        nodes.map((j) => `${now[j]} at node ${j}`).join(", ")}.`);

      const series = nodes.map((j) => Array.from({ length: SWEEPS + 1 }, (_, s) => at(s)[j]));
      const all = series.flat(), low = Math.min(-1, ...all), high = Math.max(2, ...all);
      const ticks = [];
      for (let v = Math.ceil(low); v <= high; v++) ticks.push(v);
      const { svg, layer, px, py } = plane({
        x: [0, SWEEPS], y: [low - 0.2, high + 0.2], xTicks: [0, 2, 4, 6, 8, 10, 12],
        yTicks: ticks.length > 9 ? ticks.filter((v) => v % 2 === 0) : ticks, xName: "sweep", yName: "V",
      });
      layer.append(draw("line", { x1: px(t), x2: px(t), y1: py(low - 0.2), y2: py(high + 0.2), class: "dial-now" }));
      series.forEach((values, i) => {
        const points = values.map((v, s) => [px(s), py(v)]), style = `dial-line dial-series-${i}`;
        layer.append(line(points, { class: style }));
        // Larger marks under smaller ones: lines that coincide are all seen.
        for (const [x, y] of points)
          layer.append(mark(MARKS[i], x, y, 6.5 - 1.5 * i, { class: `dial-mark dial-series-${i}` }));
        const x = 250 - 76 * (nodes.length - 1 - i);
        layer.append(mark(MARKS[i], x, 9, 5, { class: `dial-mark dial-series-${i}` }),
          draw("text", { x: x + 10, y: 13 }, word(nodes[i])));
      });
      svg.setAttribute("aria-label", series.map((values, i) =>
        `V of node ${nodes[i]} over sweeps: ${values.join(", ")}`).join(". "));
      place.replaceChildren(svg);
    };
    draws();
    renew();
  };

  window.dials.register("cycles", build);
  Object.assign(window.dials, { cycles: { bellman, reaches, broken, ends } });
})();

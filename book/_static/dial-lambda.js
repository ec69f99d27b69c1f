// Theorem 4.4's equation at stored solutions: a policy, the base, and the policy's image, as lambda turns.
"use strict";
(() => {
  const { choice, draw, make, plane, slider } = window.dials;

  // The right-hand side of the equation, row by row: base * exp(p / lambda), normalised.
  const image = (base, credit, lambda) => base.map((row, j) => {
    const top = Math.max(...credit[j]);
    const weights = row.map((b, k) => b * Math.exp((credit[j][k] - top) / lambda));
    const total = weights.reduce((a, b) => a + b);
    return weights.map((w) => w / total);
  });

  const build = (live, { adjacency, target, rows, base, solutions }) => {
    const dial = slider("λ", solutions.length, Math.floor(solutions.length / 2), (i) => `${solutions[i].lambda}`, () => redraw());
    const whose = choice("policy", ["the solution at λ", "the base"], 0, () => redraw());
    const row = choice("steps from node", rows.map((j) => `${j}`), 0, () => redraw());
    const place = make("div", { class: "dial-panel dial-wide" }), says = make("p", { class: "dial-says", role: "status" });
    live.append(make("div", { class: "dial-controls" }, dial.element, whose.element, row.element),
      make("div", { class: "dial-panels" }, place), says);

    const redraw = () => {
      const at = solutions[dial.at], shown = whose.at ? base : at, j = rows[row.at];
      const after = image(base.policy, shown.credit, at.lambda);
      const off = Math.max(...rows.flatMap((r) => after[r].map((v, k) => Math.abs(v - shown.policy[r][k]))));
      const { svg, layer, px, py } = plane({ x: [-0.6, adjacency.length - 0.4], y: [0, 1.15], xTicks: [],
        yTicks: [0, 0.25, 0.5, 0.75, 1], xName: "", yName: `probability of the next node, from node ${j}`, height: 280 });
      adjacency.forEach((_, k) => {
        const legal = adjacency[j][k];
        [base.policy, shown.policy, after].forEach((table, i) => {
          layer.append(draw("rect", { x: px(k - 0.36 + 0.24 * i), width: px(0.24) - px(0), y: py(table[j][k]),
            height: py(0) - py(table[j][k]), class: `dial-bar dial-bar-${i}` }));
        });
        layer.append(
          draw("text", { x: px(k), y: py(0) + 16, "text-anchor": "middle", class: "dial-big" }, `${k}${k === target ? " ★" : ""}`),
          draw("text", { x: px(k), y: py(0) + 32, "text-anchor": "middle" }, legal ? "legal" : "wrong"));
      });
      ["base", "policy", "its image"].forEach((name, i) => {
        const x = [118, 182, 254][i];
        layer.append(draw("rect", { x, y: 20, width: 12, height: 12, class: `dial-bar dial-bar-${i}` }),
          draw("text", { x: x + 16, y: 31 }, name));
      });
      svg.setAttribute("aria-label", adjacency.map((_, k) => `To node ${k}: base ${base.policy[j][k].toFixed(2)}, policy ${
        shown.policy[j][k].toFixed(2)}, image ${after[j][k].toFixed(2)}`).join(". "));
      place.replaceChildren(svg);
      const place4 = off.toFixed(3);
      says.textContent = `λ = ${at.lambda}: ${whose.at ? "the base" : "the solution"} succeeds with probability ${
        shown.success.toFixed(2)} and keeps ${shown.routes.toFixed(1)} routes. ${place4 === "0.000"
        ? "It is its own image, in every row to three decimals."
        : `It is not its own image: over all rows they differ by up to ${place4}.`}`;
    };
    redraw();
  };

  window.dials.register("lambda", build);
  Object.assign(window.dials, { lambda: { image } });
})();

// Policy gradient on copies of a row with three right answers, sampled in the page: batch and step.
"use strict";
(() => {
  const { button, draw, line, make, plane, slider, uniform } = window.dials;

  // Copies of a row from uniform: each update draws a batch from the copy's own policy and moves each logit by
  // step * (share of the batch - probability). Returns, after each update, all policies, the mean divergence
  // from uniform in nats, and the share of copies with a favourite above 0.9.
  const simulate = ({ copies, updates, batch, step, seed }) => {
    const next = uniform(seed), f = new Float64Array(3 * copies);
    const policies = [], means = [], sure = [];
    for (let t = 0; t <= updates; t++) {
      const policy = new Float32Array(3 * copies);
      let mean = 0, favourites = 0;
      for (let i = 0; i < 3 * copies; i += 3) {
        const top = Math.max(f[i], f[i + 1], f[i + 2]);
        const a = Math.exp(f[i] - top), b = Math.exp(f[i + 1] - top), c = Math.exp(f[i + 2] - top);
        const total = a + b + c, p = a / total, q = b / total;
        policy[i] = p;
        policy[i + 1] = q;
        policy[i + 2] = c / total;
        mean += top + Math.log(total / 3) - (f[i] + f[i + 1] + f[i + 2]) / 3;
        favourites += 1 / total > 0.9;
        if (t === updates) continue;
        let first = 0, second = 0;
        for (let n = 0; n < batch; n++) {
          const u = next();
          if (u < p) first++;
          else if (u < p + q) second++;
        }
        f[i] += step * (first / batch - p);
        f[i + 1] += step * (second / batch - q);
        f[i + 2] += step * ((batch - first - second) / batch - c / total);
      }
      policies.push(policy);
      means.push(mean / copies);
      sure.push(favourites / copies);
    }
    return { policies, means, sure };
  };

  // The law of small steps at a time, between the two stored times around it.
  const lawAt = ({ times, means }, tau) => {
    const i = Math.max(1, times.findIndex((t) => t >= tau)), share = (tau - times[i - 1]) / (times[i] - times[i - 1]);
    return means[i - 1] + share * (means[i] - means[i - 1]);
  };

  const CORNERS = [[30, 232], [270, 232], [150, 24]];

  const build = (live, { batches, steps, batch, step, copies, updates, law }) => {
    let seed = 0, run, curve, playing = 0;
    const at = slider("update", updates + 1, updates, (t) => `${t}`, () => { stop(); redraw(); });
    const size = slider("batch B", batches.length, batches.indexOf(batch), (i) => `${batches[i]}`, () => renew());
    const stride = slider("step η", steps.length, steps.indexOf(step), (i) => `${steps[i]}`, () => renew());
    const play = button("play", () => (playing ? stop() : begin()));
    const again = button("draw again", () => { seed++; renew(); });
    const picture = draw("svg", { viewBox: "0 0 300 262", role: "img" });
    const place = make("div", { class: "dial-panel" }), says = make("p", { class: "dial-says", role: "status" });
    live.append(
      make("div", { class: "dial-controls" }, make("div", {}, size.element, stride.element),
        make("div", {}, at.element, play, " ", again)),
      make("div", { class: "dial-panels" }, make("div", { class: "dial-panel" }, picture), place), says);

    const stop = () => { cancelAnimationFrame(playing); playing = 0; play.textContent = "play"; };
    const begin = () => {
      let began;
      const frame = (now) => {
        began ??= now;
        const t = Math.round(((now - began) / 5000) * updates);
        at.at = Math.min(t, updates);
        redraw();
        if (t < updates) playing = requestAnimationFrame(frame);
        else stop();
      };
      play.textContent = "stop";
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) { at.at = updates; stop(); redraw(); }
      else playing = requestAnimationFrame(frame);
    };

    const renew = () => {
      const eta = steps[stride.at], b = batches[size.at];
      run = simulate({ copies, updates, batch: b, step: eta, seed });
      curve = Array.from(run.means, (_, t) => lawAt(law, (eta * eta * t) / b));
      redraw();
    };

    const redraw = () => {
      const t = at.at, policy = run.policies[t], dots = draw("g", { class: "dial-dots" });
      for (let i = 0; i < policy.length; i += 3) {
        const [x, y] = [0, 1].map((d) => CORNERS.reduce((sum, corner, k) => sum + policy[i + k] * corner[d], 0));
        dots.append(draw("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 4 }));
      }
      picture.replaceChildren(line([...CORNERS, CORNERS[0]], { class: "dial-edge" }), dots,
        ...["a", "b", "c"].map((name, k) => draw("text", { "text-anchor": "middle", class: "dial-big",
          x: CORNERS[k][0], y: CORNERS[k][1] + (k === 2 ? -8 : 22) }, name)));
      const sure = Math.round(100 * run.sure[t]);
      picture.setAttribute("aria-label",
        `${copies} copies of a row with the right answers a, b and c after ${t} updates: ${sure}% of them stand near a corner.`);

      const top = Math.max(0.5, ...run.means, ...curve), unit = [0.1, 0.25, 0.5, 1, 2, 5, 10, 25, 50, 100].find((u) => top / u <= 6);
      const yTicks = [];
      for (let v = 0; v <= top; v += unit) yTicks.push(+v.toFixed(2));
      const { svg, layer, px, py } = plane({ x: [0, updates], y: [0, top * 1.05], yTicks,
        xTicks: [0, 1, 2, 3].map((k) => (k * updates) / 3), xName: "update", yName: "mean KL(U ‖ π), nats" });
      layer.append(
        draw("line", { x1: px(t), x2: px(t), y1: py(0), y2: py(top * 1.05), class: "dial-now" }),
        line(run.means.map((v, s) => [px(s).toFixed(1), py(v).toFixed(1)]), { class: "dial-line dial-series-0" }),
        line(curve.map((v, s) => [px(s).toFixed(1), py(v).toFixed(1)]), { class: "dial-line dial-law" }),
        line([[175, 8], [199, 8]], { class: "dial-line dial-series-0" }), draw("text", { x: 203, y: 12 }, "copies"),
        line([[258, 8], [282, 8]], { class: "dial-line dial-law" }), draw("text", { x: 286, y: 12 }, "law"));
      const text = `After ${t} updates: mean divergence ${run.means[t].toFixed(2)} nats, ${
        curve[t].toFixed(2)} by the law of small steps; ${sure}% of the copies have a favourite above 0.9.`;
      svg.setAttribute("aria-label", text);
      says.textContent = text;
      place.replaceChildren(svg);
    };
    renew();
  };

  window.dials.register("simplex", build);
  Object.assign(window.dials, { simplex: { simulate, lawAt } });
})();

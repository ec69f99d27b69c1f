// The map of claims, narrowed by rung and by verdict; without this script all of it stands.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const map = document.querySelector(".claim-map");
  const claims = [...map.querySelectorAll("[data-rung]")], wanted = { rung: "", verdict: "" };
  const says = Object.assign(document.createElement("p"), { className: "map-says" });
  says.setAttribute("role", "status");

  const narrow = () => {
    let shown = 0;
    for (const claim of claims) {
      claim.hidden = Object.entries(wanted).some(([kind, value]) => value && claim.dataset[kind] !== value);
      shown += !claim.hidden;
    }
    for (const block of map.querySelectorAll("section"))
      block.hidden = !block.querySelector("[data-rung]:not([hidden])");
    says.textContent = `${shown} of ${claims.length} claims`;
  };

  const bar = Object.assign(document.createElement("div"), { className: "map-bar" });
  for (const kind of ["rung", "verdict"]) {
    const select = document.createElement("select"), label = document.createElement("label");
    select.append(new Option("all", ""), ...[...new Set(claims.map((c) => c.dataset[kind]))].map((v) => new Option(v, v)));
    select.addEventListener("change", () => { wanted[kind] = select.value; narrow(); });
    label.append(`${kind} `, select);
    bar.append(label);
  }
  bar.append(says);
  map.prepend(bar);
  narrow();
});

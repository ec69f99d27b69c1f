// Say in words which boxes scroll sideways; without this script they scroll all the same.
(() => {
  // Printed columns stay columns, and scroll; of other printed lines what is broken goes on indented.
  // One gap before a number is padding within a sentence.
  const setPrinted = () => {
    for (const pre of document.querySelectorAll(".cell_output .output.stream pre")) {
      const lines = pre.textContent.trimEnd().split("\n");
      const aligned = lines.filter((line) => /\S {2,}([^\s\d+\u2212-]|\S.* {2,}\S)/.test(line));
      if (aligned.length >= 3 && 2 * aligned.length >= lines.length && Math.max(...lines.map((l) => l.length)) <= 110)
        pre.classList.add("columns");
      else if (!pre.querySelector("span:not(:empty)")) // coloured ones stay as they are
        pre.replaceChildren(...lines.map((line) =>
          Object.assign(document.createElement("span"), { className: "line", textContent: `${line}\n` })));
    }
  };
  const boxes = "div.math, .wide, .columns, .matrix-frame, .pst-scrollable-table-container, .cell_output .text_html > div[tabindex]";
  const mark = () => {
    for (const box of document.querySelectorAll(boxes)) {
      const inner = box.matches("div.math") ? (box.querySelector("mjx-container") ?? box) : box;
      box.classList.toggle("scrolls", inner.scrollWidth > inner.clientWidth + 1);
      if (box.classList.contains("scrolls")) inner.tabIndex = 0;
    }
  };
  window.addEventListener("load", () => {
    setPrinted();
    mark();
    window.MathJax?.startup?.promise?.then(mark); // formulas are set later than the page
  });
  window.addEventListener("resize", mark);
  // A panel of a figure is loaded when it is come to, and has its width from then on.
  document.addEventListener("load", (event) => event.target.closest?.(".panels") && mark(), true);
})();

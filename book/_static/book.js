// Say in words which boxes scroll sideways; without this script they scroll all the same.
(() => {
  const boxes = "div.math, .wide, .matrix-frame, .pst-scrollable-table-container, .cell_output .text_html > div[tabindex]";
  const mark = () => {
    for (const box of document.querySelectorAll(boxes)) {
      const inner = box.matches("div.math") ? (box.querySelector("mjx-container") ?? box) : box;
      box.classList.toggle("scrolls", inner.scrollWidth > inner.clientWidth + 1);
      if (box.classList.contains("scrolls")) inner.tabIndex = 0;
    }
  };
  window.addEventListener("load", () => {
    mark();
    window.MathJax?.startup?.promise?.then(mark); // formulas are set later than the page
  });
  window.addEventListener("resize", mark);
  // A panel of a figure is loaded when it is come to, and has its width from then on.
  document.addEventListener("load", (event) => event.target.closest?.(".panels") && mark(), true);
})();

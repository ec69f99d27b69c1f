// Say in words which boxes scroll sideways; without this script they scroll all the same.
(() => {
  const boxes = ".wide, .matrix-frame, .pst-scrollable-table-container, .cell_output .text_html > div[tabindex]";
  const mark = () => {
    for (const box of document.querySelectorAll(boxes)) {
      box.classList.toggle("scrolls", box.scrollWidth > box.clientWidth + 1);
      if (box.classList.contains("scrolls")) box.tabIndex = 0;
    }
  };
  window.addEventListener("load", mark);
  window.addEventListener("resize", mark);
  // A panel of a figure is loaded when it is come to, and has its width from then on.
  document.addEventListener("load", (event) => event.target.closest?.(".panels") && mark(), true);
})();

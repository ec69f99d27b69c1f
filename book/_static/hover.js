// What a link leads to, shown beside it: by pointer or by keyboard focus, gone with Escape.
"use strict";
(() => {
  const root = new URL(document.documentElement.dataset.content_root ?? "./", location.href);
  const LINKS = "article a[href]:not(.headerlink, .wide a, .btn)";
  let asked, tip, owner, timer;

  // A script rather than a fetch: a book on disk has no server to ask.
  const tips = () => asked ??= new Promise((done) => {
    const script = document.createElement("script");
    script.src = new URL("_static/tips.js", root);
    script.onload = () => done(window.tips ?? {});
    script.onerror = () => done({});
    document.head.append(script);
  });

  const later = (what, after) => { clearTimeout(timer); timer = setTimeout(what, after); };

  const hide = () => {
    clearTimeout(timer);
    if (!tip) return;
    window.MathJax?.typesetClear?.([tip]);
    tip.remove();
    owner.removeAttribute("aria-describedby");
    tip = owner = undefined;
  };

  // Below the link, or above where there is more room.
  const place = () => {
    if (!tip) return;
    const link = owner.getClientRects()[0], { width, height } = tip.getBoundingClientRect();
    const below = innerHeight - link.bottom >= height + 12 || innerHeight - link.bottom > link.top;
    tip.style.left = `${Math.max(8, Math.min(link.left, document.documentElement.clientWidth - width - 8))}px`;
    tip.style.top = below ? `${link.bottom + 6}px` : `${Math.max(8, link.top - height - 6)}px`;
  };

  const show = async (link) => {
    if (link === owner) return;
    const to = new URL(link.href);
    const where = decodeURIComponent(to.href.slice(root.href.length));
    if (!to.href.startsWith(root.href)) return;
    const text = (await tips())[where];
    const wanted = link.matches(":hover, :focus-visible");
    if (!text || !wanted) return;
    hide();
    owner = link;
    tip = document.createElement("div");
    Object.assign(tip, { id: "tip", className: "shown-tip", innerHTML: text });
    tip.setAttribute("role", "tooltip");
    for (const image of tip.querySelectorAll("img")) {
      image.onload = place;
      image.src = new URL(image.dataset.src, root);
    }
    document.querySelector("main").append(tip);
    link.setAttribute("aria-describedby", "tip");
    place();
    await window.MathJax?.typesetPromise?.([tip]);
    place();
  };

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return; // a tap follows the link
    const link = event.target.closest?.(LINKS);
    if (link) later(() => show(link), 150);
    else if (tip?.contains(event.target)) clearTimeout(timer); // so that it can be read, and scrolled
    else if (!owner?.matches(":focus-visible")) later(hide, 250);
  });
  document.addEventListener("focusin", (event) => {
    const link = event.target.closest?.(LINKS);
    if (link?.matches(":focus-visible")) later(() => show(link), 150);
    else hide();
  });
  document.addEventListener("focusout", (event) => { if (event.target === owner) hide(); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  document.addEventListener("scroll", (event) => { if (!tip?.contains(event.target)) place(); }, true);
})();

/* Wide tables scroll by themselves, so the keyboard must reach them. */
(() => {
  "use strict";

  const reach = () => {
    for (const table of document.querySelectorAll(".md-typeset__scrollwrap")) {
      if (table.scrollWidth > table.clientWidth) {
        table.tabIndex = 0;
        table.setAttribute("role", "region");
        table.setAttribute("aria-label", "Table");
      } else {
        for (const name of ["tabindex", "role", "aria-label"]) table.removeAttribute(name);
      }
    }
  };
  new ResizeObserver(reach).observe(document.body);
})();

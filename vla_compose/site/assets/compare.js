/* vla-compose docs: two adapters side by side, with the pairing of lines of `vla_compose.diff`. No requests. */
(() => {
  "use strict";

  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const read = (root, name) => JSON.parse(root.querySelector(`script.${name}`).textContent);

  const changed = (left, right) => {
    const [before, after] = [new Map(left.fields), new Map(right.fields)];
    return [...new Set([...before.keys(), ...after.keys()])]
      .filter((name) => before.get(name) !== after.get(name))
      .map((name) => {
        const what = `${left.what} ${name}`.trimEnd();
        return ["changed", `${what}: ${before.get(name) || "nothing"} → ${after.get(name) || "nothing"}`];
      });
  };

  const PAIR = 10000;

  const changes = (left, right) => {
    const gain = left.map((one) =>
      right.map((other) => (one.what === other.what ? PAIR - changed(one, other).length : 0)),
    );
    const best = Array.from({ length: left.length + 1 }, () => new Array(right.length + 1).fill(0));
    for (let at = left.length - 1; at >= 0; at -= 1) {
      for (let to = right.length - 1; to >= 0; to -= 1) {
        const pair = gain[at][to] ? gain[at][to] + best[at + 1][to + 1] : 0;
        best[at][to] = Math.max(pair, best[at + 1][to], best[at][to + 1]);
      }
    }
    const found = [];
    let at = 0;
    let to = 0;
    while (at < left.length || to < right.length) {
      const both = at < left.length && to < right.length;
      if (both && gain[at][to] && best[at][to] === gain[at][to] + best[at + 1][to + 1]) {
        found.push(...changed(left[at], right[to]));
        at += 1;
        to += 1;
      } else if (to === right.length || (both && best[at][to] === best[at + 1][to])) {
        found.push(["removed", `- ${left[at].shown}`]);
        at += 1;
      } else {
        found.push(["added", `+ ${right[to].shown}`]);
        to += 1;
      }
    }
    return found;
  };

  const startComparison = (root) => {
    const adapters = new Map(read(root, "vc-data").map((adapter) => [adapter.name, adapter]));
    const names = [...adapters.keys()];
    const pictures = new Map([...root.querySelectorAll("[data-adapter]")].map((part) => [part.dataset.adapter, part]));
    const selects = ["a", "b"].map((name) => {
      const select = element("select", { name });
      select.append(...names.map((value) => element("option", { value }, value)));
      return select;
    });
    const form = element(
      "form",
      { class: "vc-form", "aria-label": "Choose two adapters" },
      element(
        "div",
        { class: "vc-fields" },
        element("label", {}, "from", selects[0]),
        element("label", {}, "to", selects[1]),
      ),
    );
    const table = element("table");
    const list = element("ul", { class: "vc-changes", "aria-live": "polite" });
    const result = root.querySelector(".vc-result");
    result.replaceChildren(
      element("h2", { id: "side-by-side" }, "Side by side"),
      element("div", { class: "md-typeset__scrollwrap", tabindex: "0", role: "group", "aria-label": "Side by side" }, element("div", { class: "md-typeset__table" }, table)),
      element("h2", { id: "what-changes" }, "What changes"),
      list,
    );
    root.prepend(form);
    form.addEventListener("submit", (event) => event.preventDefault());

    const show = () => {
      const [left, right] = selects.map((select) => adapters.get(select.value));
      const heading = (adapter) =>
        element("th", { scope: "col" }, element("a", { href: pictures.get(adapter.name).dataset.page }, adapter.name));
      const picture = (adapter) => element("td", {}, pictures.get(adapter.name).firstElementChild.cloneNode(true));
      const rows = left.facts.map(([name, value], at) =>
        element(
          "tr",
          value === right.facts[at][1] ? {} : { class: "vc-differs" },
          element("th", { scope: "row" }, name),
          element("td", {}, value),
          element("td", {}, right.facts[at][1]),
        ),
      );
      table.replaceChildren(
        element("thead", {}, element("tr", {}, element("td"), heading(left), heading(right))),
        element("tbody", {}, element("tr", {}, element("th", { scope: "row" }, "picture"), picture(left), picture(right)), ...rows),
      );
      const found = changes(left.outline, right.outline);
      list.replaceChildren(
        ...(found.length ? found : [["same", "Nothing but names."]]).map(([kind, text]) =>
          element("li", { class: `vc-${kind}` }, text),
        ),
      );
    };
    const fromAddress = () => {
      const asked = new URLSearchParams(location.hash.slice(1));
      const known = [asked.get("a"), asked.get("b")].map((name, at) =>
        adapters.has(name) ? name : names[Math.min(at, names.length - 1)],
      );
      selects.forEach((select, at) => (select.value = known[at]));
      show();
    };
    form.addEventListener("input", () => {
      history.replaceState(null, "", `#a=${selects[0].value}&b=${selects[1].value}`);
      show();
    });
    window.addEventListener("hashchange", fromAddress);
    fromAddress();
  };

  const start = () => document.querySelectorAll(".vc-comparison").forEach(startComparison);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();

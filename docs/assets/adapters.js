/* vla-compose docs: calculator and gallery of adapters. No requests, nothing is evaluated. */
(() => {
  "use strict";

  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const read = (root, name) => JSON.parse(root.querySelector(`script.${name}`).textContent);

  /* --- numbers: whole, of any size, rounded down as in Python --------------------------------------- */

  const floorDivide = (left, right) => {
    const quotient = left / right;
    return left % right !== 0n && left < 0n !== right < 0n ? quotient - 1n : quotient;
  };
  const remainder = (left, right) => left - floorDivide(left, right) * right;

  const divideToEven = (left, right) => {
    const below = left / right;
    const twice = 2n * (left % right);
    return below + (twice > right || (twice === right && below % 2n === 1n) ? 1n : 0n);
  };

  const bestTiles = (rule, height, width) => {
    let best = [1, 1];
    let most = -1;
    let least = 0;
    for (const [rows, columns] of rule.grids) {
      const scale = Math.min((columns * rule.tile) / width, (rows * rule.tile) / height);
      const kept = Math.min(Math.trunc(width * scale) * Math.trunc(height * scale), width * height);
      const wasted = rows * columns * rule.tile * rule.tile - kept;
      if (kept > most || (kept === most && wasted < least)) [best, most, least] = [[rows, columns], kept, wasted];
    }
    return best;
  };

  const anyres = (rule, height, width) => {
    let [rows, columns] = bestTiles(rule, height, width);
    if (rule.anyres === "tiles") return BigInt(1 + rows * columns);
    const [side, across] = rule.sides;
    rows *= side;
    columns *= across;
    if (width / height > columns / rows) {
      rows -= 2 * Math.floor((rows - Math.floor((height * columns) / width)) / 2);
    } else {
      columns -= 2 * Math.floor((columns - Math.floor((width * rows) / height)) / 2);
    }
    return BigInt(side * across + rows * (columns + 1));
  };

  const evaluate = (tree, values) => {
    if (typeof tree === "number") return BigInt(tree);
    if (typeof tree === "string") return values.get(tree);
    if (!Array.isArray(tree)) {
      return anyres(tree, Number(values.get("pixel_height")), Number(values.get("pixel_width")));
    }
    const [operator, ...parts] = tree;
    const numbers = parts.map((part) => evaluate(part, values));
    if (operator === "+") return numbers.reduce((total, number) => total + number, 0n);
    if (operator === "*") return numbers.reduce((total, number) => total * number, 1n);
    return operator === "//" ? floorDivide(...numbers) : remainder(...numbers);
  };

  const shown = (number) => number.toLocaleString("en-US");

  const memory = (bytes) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    let scale = 1n;
    while (bytes >= 1024n * scale && unit < units.length - 1) {
      scale *= 1024n;
      unit += 1;
    }
    if (!unit) return `${bytes} B`;
    const tenths = divideToEven(10n * bytes, scale);
    return `${tenths / 10n}.${tenths % 10n} ${units[unit]}`;
  };

  const short = (number) => {
    const units = ["", "k", "M", "G", "T", "P", "E"];
    let unit = 0;
    let scale = 1n;
    while (number >= 1000n * scale && unit < units.length - 1) {
      scale *= 1000n;
      unit += 1;
    }
    const tenths = divideToEven(10n * number, scale);
    return unit ? `${tenths / 10n}.${tenths % 10n} ${units[unit]}FLOPs` : `${number} FLOPs`;
  };

  /* --- the calculator of a page --------------------------------------------------------------------- */

  class Wrong extends Error {}

  const whole = (form, name) => {
    const field = form.querySelector(`[name="${CSS.escape(name)}"]`);
    const text = field.value.trim();
    const most = BigInt(field.max);
    if (!/^[0-9]{1,7}$/.test(text) || BigInt(text) < 1n || BigInt(text) > most) {
      throw new Wrong(`${field.parentElement.firstChild.textContent} must be a whole number from 1 to ${shown(most)}`);
    }
    return BigInt(text);
  };

  const calculate = (choice, form) => {
    const values = new Map();
    const answers = [];
    const chosen = (name, fallback) => form.querySelector(`select[name="${name}"]`)?.value ?? fallback;
    for (const [name] of choice.free) values.set(name, whole(form, `size-${name}`));
    if (choice.mode === "patches") {
      const patch = whole(form, "patch");
      const cell = BigInt(choice.cell);
      const sides = ["height", "width"].map((name) => {
        const cells = divideToEven(whole(form, name), patch * cell);
        return (cells > 1n ? cells : 1n) * cell;
      });
      values.set("rows", sides[0]).set("columns", sides[1]);
      answers.push([
        "grid",
        `${sides[0]} × ${sides[1]} patches, ${sides[1] * patch} × ${sides[0] * patch} pixels`,
        sides.join(" "),
      ]);
    } else if (choice.mode === "pixels") {
      values.set("pixel_width", whole(form, "width")).set("pixel_height", whole(form, "height"));
    }
    const bound = new Map();
    for (const [name, tree] of choice.placed) {
      const value = evaluate(tree, values);
      if (bound.has(name) && bound.get(name) !== value) throw new Wrong("these inputs need an image with equal sides");
      bound.set(name, value);
    }
    for (const [name, value] of bound) values.set(name, value);
    for (const contract of choice.contracts) {
      const size = evaluate(contract.size, values);
      if (remainder(size, BigInt(contract.multiple)) !== 0n || size < BigInt(contract.least)) {
        throw new Wrong(`the image does not fit: ${contract.text}`);
      }
    }
    const label = chosen("route", choice.routes[0].label);
    const route = choice.routes.find((found) => found.label === label);
    const patches = evaluate(route.patches, values);
    answers.push(["vectors in", shown(patches), patches]);
    let numbers = 0n;
    for (const output of route.outputs) {
      const tokens = evaluate(output.tokens, values);
      numbers += tokens * BigInt(output.width);
      answers.push([output.name, `${shown(tokens)} tokens of ${shown(output.width)}`, tokens]);
    }
    const flops = evaluate(route.flops, values);
    const parameters = BigInt(choice.parameters);
    answers.push(["FLOPs", `${shown(flops)} (${short(flops)})`, flops]);
    answers.push(["parameters", shown(parameters), parameters]);
    answers.push(["weights", `${memory(2n * parameters)} in bf16, ${memory(4n * parameters)} in fp32`, 2n * parameters]);
    answers.push(["outputs", `${memory(2n * numbers)} in bf16`, 2n * numbers]);
    return answers;
  };

  const startCalculator = (form) => {
    const formulas = read(form, "vc-data");
    const wrong = form.querySelector(".vc-wrong");
    const list = form.querySelector(".vc-answer");
    const update = () => {
      const label = form.querySelector('select[name="choice"]')?.value;
      const choice = formulas.choices.find((found) => found.label === label) ?? formulas.choices[0];
      try {
        const answers = calculate(choice, form);
        list.replaceChildren(
          ...answers.flatMap(([name, text, value]) => [
            element("dt", {}, name),
            element("dd", { "data-name": name, "data-value": String(value) }, text),
          ]),
        );
        wrong.hidden = true;
      } catch (error) {
        if (!(error instanceof Wrong)) throw error;
        list.replaceChildren();
        wrong.textContent = error.message;
        wrong.hidden = false;
      }
    };
    form.addEventListener("input", update);
    update();
  };

  /* --- the gallery: filters, and columns that sort ---------------------------------------------------- */

  const startGallery = (gallery) => {
    const table = gallery.querySelector("table");
    const body = table.tBodies[0];
    const facets = read(gallery, "vc-data");
    const rows = [...body.rows].map((row, at) => ({ row, facts: facets.adapters[at] }));
    const headings = [...table.tHead.rows[0].cells];
    const count = element("p", { class: "vc-count", "aria-live": "polite" });
    const fields = element("div", { class: "vc-fields" });
    const selects = new Map();

    const filter = () => {
      const text = search.value.trim().toLowerCase();
      let left = 0;
      for (const { row, facts } of rows) {
        const fits = [...selects].every(([name, select]) => !select.value || facts[name].includes(select.value));
        row.hidden = !(fits && row.textContent.toLowerCase().includes(text));
        left += row.hidden ? 0 : 1;
      }
      count.textContent = `${left} of ${rows.length} adapters`;
    };

    const search = element("input", { type: "search", name: "text" });
    fields.append(element("label", {}, "text", search));
    for (const { name, label } of facets.filters) {
      const options = [...new Set(rows.flatMap(({ facts }) => facts[name]))].sort();
      if (options.length < 2) continue;
      const select = element("select", { name }, element("option", { value: "" }, "any"));
      select.append(...options.map((value) => element("option", { value }, value)));
      selects.set(name, select);
      fields.append(element("label", {}, label, select));
    }
    const form = element("form", { class: "vc-form vc-filters", "aria-label": "Filter the adapters" }, fields, count);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", filter);
    gallery.prepend(form);

    headings.forEach((heading, at) => {
      const key = facets.columns[at];
      if (!key) return;
      const button = element("button", { type: "button", class: "vc-sort" }, ...heading.childNodes);
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = heading.getAttribute("aria-sort") === "ascending";
        for (const other of headings) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        const order = (left, right) => {
          const [one, other] = [left.facts.sort[key], right.facts.sort[key]];
          return typeof one === "number" ? one - other : one.localeCompare(other, "en");
        };
        const sorted = [...rows].sort((left, right) => (down ? order(right, left) : order(left, right)));
        body.append(...sorted.map(({ row }) => row));
      });
    });
    for (const { row } of rows) {
      [...row.cells].forEach((cell, at) => cell.setAttribute("data-label", headings[at].textContent));
    }
    document.body.classList.add("vc-scripted");
    filter();
  };

  const start = () => {
    document.querySelectorAll(".vc-calculator").forEach(startCalculator);
    document.querySelectorAll(".vc-gallery").forEach(startGallery);
    for (const part of document.querySelectorAll(".vc-compare")) {
      part.querySelector("a").hash = `a=${part.dataset.a}&b=${part.dataset.b}`;
    }
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();

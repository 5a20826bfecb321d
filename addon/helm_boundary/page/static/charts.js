// Charts over time: stacked bars in SVG, each with a sentence for whoever doesn't see them.
"use strict";

const charts = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const HEIGHT = 40;

  function shape(tag, attributes) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  const sum = (spans, name) => spans.reduce((total, span) => total + span[name], 0);

  // One chart: `layers` are [class, what it is called, value of a span], from the bottom up.
  function figure(title, total, unit, layers, data) {
    const largest = Math.max(
      1e-9, ...data.spans.map((span) => layers.reduce((all, [, , of]) => all + of(span), 0)));
    const parts = layers.map(([, name, , told]) => `${told} ${name}`).join(", ");
    const drawing = shape("svg", {
      viewBox: `0 0 ${data.parts} ${HEIGHT + 1}`, preserveAspectRatio: "none", role: "img",
      "aria-label": `${title}: ${total} ${unit}; ${parts}`,
    });
    drawing.append(shape("line", {
      x1: 0, x2: data.parts, y1: HEIGHT + 0.5, y2: HEIGHT + 0.5, class: "axis",
      "vector-effect": "non-scaling-stroke",
    }));
    for (const span of data.spans) {
      let top = HEIGHT;
      for (const [kind, , of] of layers) {
        const height = (of(span) / largest) * HEIGHT;
        if (!height) continue;
        top -= height;
        drawing.append(shape("rect", { x: span.span + 0.1, width: 0.8, y: top, height, class: kind }));
      }
    }
    const keys = layers.map(([kind, name, , told]) =>
      element("span", { class: `key ${kind}` }, `${told} ${name}`));
    return element(
      "figure", {}, element("figcaption", {}, element("strong", {}, total), unit, ...keys), drawing);
  }

  function draw(data) {
    const { spans } = data;
    const timed = sum(spans, "timed");
    const mean = timed ? sum(spans, "added") / timed / 1000 : 0;
    const cost = sum(spans, "cost") / 1e9;
    const money = cost && figure("Money", cost.toFixed(2), "dollars", [
      ["one", "dollars", (span) => span.cost, cost.toFixed(2)],
    ], data);
    byId("charts").replaceChildren(...[
      figure("Calls", whole(sum(spans, "calls")), "calls", [
        ["allow", "allowed", (span) => span.allow, whole(sum(spans, "allow"))],
        ["deny", "denied", (span) => span.deny, whole(sum(spans, "deny"))],
        ["escalate", "escalated", (span) => span.escalate, whole(sum(spans, "escalate"))],
      ], data),
      figure("Tokens", whole(sum(spans, "input") + sum(spans, "output")), "tokens", [
        ["one", "in", (span) => span.input, whole(sum(spans, "input"))],
        ["two", "out", (span) => span.output, whole(sum(spans, "output"))],
      ], data),
      figure("Time that the boundary added to requests", mean.toFixed(2), "ms added to a request", [
        ["one", "ms on average", (span) => (span.timed ? span.added / span.timed : 0), mean.toFixed(2)],
      ], data),
      money,
    ].filter(Boolean));
  }

  return { draw };
})();

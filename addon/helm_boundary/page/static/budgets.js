// Budgets as bars: how much of each limit is used in the window that runs now.
"use strict";

const budgets = (() => {
  const KINDS = { calls: "calls", tokens: "tokens", output_tokens: "output tokens", nanodollars: "dollars" };
  const amount = (kind, number) => (kind === "nanodollars" ? (number / 1e9).toFixed(2) : whole(number));

  function itemOf(share) {
    const { kind, used, limit } = share;
    const said = `${amount(kind, used)} of ${amount(kind, limit)} ${KINDS[kind] ?? kind}`;
    const resets = share.resets_ns == null ? "never resets" : `until ${clock(share.resets_ns / 1000)}`;
    const level = share.ratio >= 1 ? "full" : share.ratio >= 0.8 ? "high" : "";
    return element(
      "li", { class: level },
      foreign(share.scope),
      element("meter", { min: 0, max: 1, value: Math.min(1, share.ratio), "aria-label": `${shown(share.scope)}: ${said}` }),
      element("span", {}, said), element("span", { class: "quiet" }, resets));
  }

  async function look() {
    const told = await server.get("api/budgets");
    byId("budgets").hidden = !told.budgets.length;
    byId("budgets-list").replaceChildren(...told.budgets.map(itemOf));
  }

  return { look };
})();

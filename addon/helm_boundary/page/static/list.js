// The list of receipts: filters that stand in the address, rows as they come, earlier ones on demand.
"use strict";

const list = (() => {
  const MOST = 2000;
  let last = 0;
  let asked = 0;
  let isFleet = false;
  const members = new Map();

  const form = () => byId("filters");

  function wanted() {
    const found = new URLSearchParams();
    for (const [name, value] of new FormData(form())) {
      if (value.trim()) found.set(name, value.trim());
    }
    return found;
  }

  // Puts the filters into the address, beside the receipt that is open.
  function note() {
    const address = wanted();
    const open = new URLSearchParams(location.search).get("receipt");
    if (open) address.set("receipt", open);
    history.replaceState(null, "", address.size ? `?${address}` : location.pathname);
  }

  function restore() {
    for (const [name, value] of new URLSearchParams(location.search)) {
      const field = form().elements.namedItem(name);
      if (field) field.value = value;
    }
  }

  function why(row) {
    if (row.phase === "outcome" && !row.code) return row.end ?? "";
    if (row.phase === "approval") return `${row.kind ?? ""} by ${brief(row.by ?? "nobody")}`;
    if (row.code) return `${row.code} · ${[...new Set(row.rules.trim().split(" "))].join(", ")}`;
    return row.kind ?? "";
  }

  // A pseudonym's beginning is enough to tell one from another.
  const brief = (who) => who.replace(/[0-9a-f]{64}/g, (pseudonym) => pseudonym.slice(0, 8));

  const dollars = (row) => (row.cost == null ? "" : ` · $${(row.cost / 1e9).toFixed(4)}`);

  function tokens(row) {
    if (row.input == null && row.output == null) return "";
    return `${whole(row.input ?? 0)} → ${whole(row.output ?? 0)}${dollars(row)}`;
  }

  function rowOf(row) {
    const time = element("button", { type: "button", class: "plain" }, clock(row.at));
    time.addEventListener("click", () => story.open(row.id));
    const who = row.principal ?? (row.key ? `key ${row.key.slice(0, 8)}` : "");
    const made = element(
      "tr", {},
      element("td", { class: "time" }, time),
      element("td", {}, verdictOf(row)),
      element("td", { class: "phase" }, row.phase),
      boundaryOf(row),
      element("td", { class: "model" }, row.model == null ? null : foreign(row.model)),
      element("td", { class: "who" }, who ? foreign(who) : null),
      element("td", { class: "why" }, foreign(why(row))),
      element("td", { class: "number" }, tokens(row)),
      element("td", { class: "number added" }, row.added == null ? "" : `${(row.added / 1000).toFixed(1)} ms`),
    );
    made.place = { at: row.at, seq: row.seq };
    return made;
  }

  // Which boundary a receipt is of; its writer's name where nobody says whose that is.
  function boundaryOf(row) {
    const cell = element("td", { class: "fleet" }, foreign(members.get(row.writer) ?? row.writer));
    cell.writer = row.writer;
    cell.hidden = !isFleet;
    return cell;
  }

  // Takes the boundaries that run, by their writers; where receipts are a fleet's, shows whose.
  function know(boundaries, fleet) {
    const isNew = boundaries.some((each) => !members.has(each.writer));
    for (const each of boundaries) members.set(each.writer, each.name);
    if (isNew) {
      for (const cell of document.querySelectorAll("td.fleet")) {
        cell.replaceChildren(foreign(members.get(cell.writer) ?? cell.writer));
      }
    }
    isFleet = fleet;
    document.querySelectorAll(".fleet").forEach((each) => { each.hidden = !isFleet; });
  }

  function settle(rows) {
    byId("nothing").hidden = byId("rows").childElementCount > 0;
    byId("more").hidden = rows < 100;
  }

  // Lists anew, from the latest on.
  async function load() {
    const turn = ++asked;
    const page = await server.get(`api/receipts?${wanted()}`);
    if (turn !== asked) return page; // another filter was asked for meanwhile
    last = page.last;
    byId("rows").replaceChildren(...page.receipts.map(rowOf));
    settle(page.receipts.length);
    performance.mark("rows");
    return page;
  }

  async function more() {
    const place = byId("rows").lastElementChild?.place;
    if (!place) return;
    const address = wanted();
    address.set("at", place.at);
    address.set("seq", place.seq);
    const page = await server.get(`api/receipts?${address}`);
    const rows = page.receipts.map(rowOf);
    byId("rows").append(...rows);
    settle(page.receipts.length);
    rows[0]?.querySelector("button").focus();
  }

  // Adds what came since, at the top.
  async function look() {
    const turn = asked;
    const address = wanted();
    address.set("after", last);
    const news = await server.get(`api/receipts?${address}`);
    if (turn !== asked) return { ...news, receipts: [] };
    last = news.last;
    if (news.receipts.length) {
      const rows = news.receipts.map(rowOf);
      rows.forEach((row) => row.classList.add("new"));
      byId("rows").prepend(...rows);
      while (byId("rows").childElementCount > MOST) byId("rows").lastElementChild.remove();
      byId("nothing").hidden = true;
    }
    return news;
  }

  async function suggest() {
    const names = await server.get("api/choices");
    for (const [name, id] of [["model", "model-names"], ["principal", "principal-names"], ["code", "code-names"], ["writer", "writer-names"]]) {
      byId(id).replaceChildren(...names[name].map((value) => {
        const option = document.createElement("option");
        option.value = value;
        return option;
      }));
    }
  }

  return { know, load, look, more, note, restore, suggest, wanted };
})();

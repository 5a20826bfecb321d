// A call's story: its receipts in order, what a person was asked, and verification in this browser.
"use strict";

const story = (() => {
  function inAddress(id) {
    const address = new URLSearchParams(location.search);
    if (id) address.set("receipt", id);
    else address.delete("receipt");
    history.replaceState(null, "", address.size ? `?${address}` : location.pathname);
  }

  function bullets(lines) {
    return element("ul", {}, ...lines.map((line) => element("li", {}, line)));
  }

  function verified(found, evidence) {
    const log = found.missing ? [found.missing] : [];
    return element(
      "div", { class: "verified" },
      element("strong", {}, found.missing ? "The signature verifies" : "Verified"),
      bullets([...found.steps, ...log]),
      element("p", {}, "Not proven:"),
      bullets(evidence.notProven),
    );
  }

  function refused(error) {
    const kind = error instanceof helmVerification.Refused ? ` (${error.kind})` : "";
    return element("div", { class: "refused" }, element("strong", {}, `NOT VERIFIED${kind}: `), error.message);
  }

  async function verify(id, place, button) {
    button.disabled = true;
    place.replaceChildren("Verifying…");
    try {
      const evidence = await server.get(`api/evidence/${encodeURIComponent(id)}`);
      if (evidence.id !== id) throw new helmVerification.Refused("swapped", "evidence of another receipt");
      place.replaceChildren(verified(await helmVerification.verifyEvidence(evidence), evidence));
    } catch (error) {
      place.replaceChildren(refused(error));
    }
    button.disabled = false;
  }

  function receiptOf(row) {
    const place = element("div", { role: "status" });
    const button = element("button", { type: "button", "aria-label": `Verify receipt ${row.id}` }, "Verify");
    button.addEventListener("click", () => verify(row.id, place, button));
    const raw = element(
      "details", {}, element("summary", {}, "Everything that it says"),
      element("pre", { tabindex: "0" }, JSON.stringify(row.predicate, null, 2)));
    return element(
      "article", {},
      element("h3", {}, `${row.phase} `, verdictOf(row), element("span", { class: "quiet" }, row.id), button),
      element("pre", { tabindex: "0", "aria-label": `Receipt ${row.id} in sentences` }, row.explanation.join("\n")),
      place, raw);
  }

  function questionOf(question) {
    return element(
      "article", {}, element("h3", {}, `what a person was asked: ${question.status}`),
      element("pre", { tabindex: "0" }, question.sentences.join("\n")));
  }

  async function open(id) {
    const body = byId("story-body");
    body.replaceChildren(element("p", { role: "status" }, "Loading…"));
    if (!byId("story").open) byId("story").showModal();
    inAddress(id);
    try {
      const told = await server.get(`api/story/${encodeURIComponent(id)}`);
      const flow = told.receipts[0]?.predicate.flow;
      byId("story-title").textContent = shown(flow ? `${flow.operation}, ${flow.model ?? "no model named"}` : `Receipt ${id}`);
      body.replaceChildren(...told.receipts.map(receiptOf), ...told.questions.map(questionOf));
    } catch (error) {
      body.replaceChildren(element("p", { class: "refused", role: "alert" }, error.message));
    }
  }

  function closed() {
    inAddress("");
  }

  return { open, closed };
})();

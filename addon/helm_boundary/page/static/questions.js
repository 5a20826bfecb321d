// What waits for a person. A question is shown whole before it can be answered, and its buttons do
// nothing in the first moment, for a person may be typing or clicking something else.
"use strict";

const questions = (() => {
  const SETTLE = 700;
  const SAID = { once: "approved once", hour: "approved for an hour", deny: "denied" };
  let shownIds = "";
  let open = null;

  function itemOf(question) {
    const look = element("button", { type: "button" }, "Look and answer");
    look.addEventListener("click", () => show(question));
    return element(
      "li", {},
      element("strong", {}, question.what.length ? question.what.join("; ") : question.operation),
      element("span", {}, foreign(question.model ?? "no model named")),
      element("span", {}, foreign(question.who)),
      element("span", { class: "quiet" }, question.rules.join(", ")),
      element("span", { class: "quiet left" }, `${question.secondsLeft} s left`),
      look);
  }

  function show(question) {
    open = question.id;
    byId("question-title").textContent = `Question ${question.id}`;
    byId("question-body").textContent = shown(question.sentences.join("\n"));
    byId("question-said").textContent = "";
    const buttons = byId("question-answers").querySelectorAll("button");
    buttons.forEach((button) => (button.disabled = true));
    setTimeout(() => buttons.forEach((button) => (button.disabled = open !== question.id)), SETTLE);
    byId("question").showModal();
  }

  async function answer(button) {
    const id = open;
    try {
      const told = await server.post(`api/approvals/${id}`, { answer: button.dataset.answer });
      byId("said").textContent = shown(`${told.id}: ${SAID[button.dataset.answer]} by ${told.by}.`);
      byId("question").close();
    } catch (error) {
      byId("question-said").textContent = shown(error.message);
    }
    await look();
  }

  async function look() {
    const { waiting } = await server.get("api/approvals");
    byId("questions").hidden = !waiting.length;
    document.title = waiting.length ? `(${waiting.length}) helm-boundary` : "helm-boundary";
    const ids = waiting.map((each) => each.id).join(" ");
    const items = byId("questions-list");
    if (ids !== shownIds) {
      items.replaceChildren(...waiting.map(itemOf));
      shownIds = ids;
      byId("heard").textContent = waiting.length ? `${waiting.length} waiting for a person` : "";
    }
    items.querySelectorAll(".left").forEach((left, at) => {
      left.textContent = `${waiting[at].secondsLeft} s left`;
    });
  }

  return { answer, look };
})();

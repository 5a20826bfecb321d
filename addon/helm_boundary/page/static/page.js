// The page: signing in, then looking again and again for what is new.
"use strict";

(() => {
  const LOOK = 1000;
  const SLOWLY = 10;
  let paused = false;
  let turns = 0;
  let timer = 0;

  async function signIn(token) {
    const told = await server.post("api/sign-in", { token });
    server.secret = told.secret;
  }

  async function begin() {
    // The token is behind "#": the browser sends it to nobody, and it leaves the address at once.
    const token = location.hash.slice(1);
    if (token) {
      history.replaceState(null, "", location.pathname + location.search);
      await signIn(token).catch(() => {});
    }
    const told = await server.get("api/sign-in");
    if (told.signedIn) await enter();
    else leave();
  }

  function leave() {
    clearTimeout(timer);
    document.querySelectorAll(".signed-in").forEach((each) => (each.hidden = true));
    byId("sign-in").hidden = false;
    byId("token").focus();
  }

  async function enter() {
    byId("sign-in").hidden = true;
    document.querySelectorAll(".signed-in").forEach((each) => (each.hidden = false));
    list.restore();
    await list.load();
    const open = new URLSearchParams(location.search).get("receipt");
    if (open) story.open(open);
    turns = 0;
    look();
    list.suggest().catch(fail);
  }

  // Looks for what is new: receipts and questions each second, sums and boundaries now and then.
  async function look() {
    clearTimeout(timer);
    try {
      if (!document.hidden) await lookAround();
    } catch (error) {
      fail(error);
    }
    timer = setTimeout(look, LOOK);
  }

  async function lookAround() {
    const isTurn = turns++ % SLOWLY === 0;
    await questions.look();
    if (!paused) {
      const news = await list.look();
      if (!news.isCurrent) say(`Reading receipts: ${whole(news.last)} receipts so far.`);
      else if (byId("said").textContent.startsWith("Reading")) say("");
    }
    if (isTurn) await Promise.all([drawCharts(), tellBoundaries(), budgets.look()]);
  }

  async function drawCharts() {
    const address = list.wanted();
    address.set("span", byId("span").value);
    charts.draw(await server.get(`api/charts?${address}`));
  }

  async function tellBoundaries() {
    const { boundaries, isFleet } = await server.get("api/boundaries");
    list.know(boundaries, isFleet);
    byId("boundaries").textContent = shown(
      boundaries.length
        ? boundaries.map((each) =>
            `${isFleet ? `${each.name} ` : ""}${each.listeners.map((one) => one.address).join(", ")}${each.process ? ` (${each.process})` : ""}: ` +
            `${each.mode}${emergency(each.observation)}, version ${each.version}, ` +
            `policy ${each.policy_digest.slice(0, 12)}, ${each.open_calls} open` +
            (each.disk_low ? ", THE DISK IS NEARLY FULL" : "")).join(" · ")
        : "no boundary runs here");
  }

  // Says who has everything pass for a time, why and until when; nothing where nobody has.
  function emergency(observation) {
    if (!observation.until) return "";
    const until = new Date(observation.until * 1000).toLocaleTimeString();
    return ` until ${until}, NOTHING IS ENFORCED: ${observation.by}: ${observation.why}`;
  }

  function say(text) {
    if (byId("said").textContent !== text) byId("said").textContent = text;
  }

  function fail(error) {
    say(`Not up to date: ${shown(error.message)}`);
  }

  async function filter() {
    list.note();
    try {
      await Promise.all([list.load(), drawCharts()]);
      if (byId("said").textContent.startsWith("Not up to date")) say("");
    } catch (error) {
      fail(error);
    }
  }

  function wire() {
    let waiting = 0;
    byId("filters").addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(filter, 120);
    });
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("filters").addEventListener("reset", () => setTimeout(filter));
    byId("more").addEventListener("click", () => list.more().catch(fail));
    byId("span").addEventListener("change", () => drawCharts().catch(fail));
    byId("pause").addEventListener("click", (event) => {
      paused = !paused;
      event.target.setAttribute("aria-pressed", paused);
      event.target.textContent = paused ? "Go on" : "Pause";
    });
    byId("sign-out").addEventListener("click", async () => {
      await server.post("api/sign-out", {}).catch(fail);
      server.secret = "";
      leave();
    });
    byId("sign-in-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        await signIn(byId("token").value.trim());
        byId("token").value = "";
        byId("sign-in-said").textContent = "";
        await enter();
      } catch (error) {
        byId("sign-in-said").textContent = shown(error.message);
      }
    });
    document.querySelectorAll("dialog .close").forEach((button) =>
      button.addEventListener("click", () => button.closest("dialog").close()));
    byId("story").addEventListener("close", story.closed);
    byId("question-answers").addEventListener("click", (event) => {
      if (event.target.dataset.answer) questions.answer(event.target);
    });
    document.addEventListener("signed-out", leave);
    document.addEventListener("visibilitychange", () => !document.hidden && server.secret && look());
  }

  wire();
  begin().catch(fail);
})();

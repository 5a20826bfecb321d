// The report's button: verifies every receipt that is enclosed, and sums them up again.

(() => {
  const { Refused } = helmVerification;
  const byId = (id) => document.getElementById(id);
  const data = (id) => JSON.parse(byId(id).textContent);
  const BATCH = 500;

  async function linesOf(enclosed) {
    const packed = new Blob([helmVerification.fromBase64(enclosed.receipts)]);
    const text = packed.stream().pipeThrough(new DecompressionStream("gzip"));
    const whole = await new Response(text).text();
    return whole ? whole.split("\n") : [];
  }

  // A line is `key signature payload`, or `- leaf` for an entry that isn't of the period.
  async function entryOf(line, keys) {
    const [key, second] = line.split(" ", 2);
    if (key === "-") return { leaf: helmVerification.fromBase64(second) };
    const payload = helmVerification.utf8(line.slice(key.length + second.length + 2));
    const known = keys[Number(key)];
    if (!known) throw new Refused("foreign-key", "a receipt by a key that nobody vouches for");
    const signature = helmVerification.fromBase64(second);
    return helmVerification.verifyReceipt(
      helmVerification.lineOf(payload, known.keyid, signature), known);
  }

  async function verifyAll(lines, keys, progress) {
    const entries = [];
    for (let at = 0; at < lines.length; at += BATCH) {
      const batch = lines.slice(at, at + BATCH).map((line, more) =>
        entryOf(line, keys).catch((error) => {
          error.message = `enclosed line ${at + more + 1}: ${error.message}`;
          throw error;
        }));
      entries.push(...(await Promise.all(batch)));
      progress(entries.length);
      await new Promise((resolve) => setTimeout(resolve));
    }
    return entries;
  }

  function sumUp(entries) {
    const sums = { receipts: 0, calls: 0, allowed: 0, denied: 0, escalated: 0, tokensIn: 0, tokensOut: 0 };
    const verdicts = { ALLOW: "allowed", DENY: "denied", ESCALATE: "escalated" };
    const ids = new Set();
    for (const { id, statement } of entries) {
      if (!statement) continue;
      if (ids.has(id)) throw new Refused("repeated", `receipt ${id} is enclosed twice`);
      ids.add(id);
      const { phase, verdict, outcome } = statement.predicate;
      sums.receipts += 1;
      sums.tokensIn += outcome?.usage?.inputTokens ?? 0;
      sums.tokensOut += outcome?.usage?.outputTokens ?? 0;
      if (phase !== "outcome") continue;
      sums.calls += 1;
      sums[verdicts[verdict]] += 1;
    }
    return sums;
  }

  function compare(found, said) {
    for (const [name, number] of Object.entries(said)) {
      if (found[name] !== number) {
        throw new Refused("figures", `the report says ${name} ${number}, its receipts give ${found[name]}`);
      }
    }
  }

  async function verifyLog(enclosed, entries) {
    const { log } = enclosed;
    if (!log) return "not that any is in the log: none was yet";
    const checkpoint = await helmVerification.verifyCheckpoint(
      log.note, await helmVerification.logKey(log.vkey));
    const leaves = entries.slice(0, enclosed.logged).map((entry) => entry.leaf);
    const outside = log.outside.map(helmVerification.fromBase64);
    const root = await helmVerification.rootOfRange(log.first, leaves, checkpoint.size, outside);
    if (helmVerification.hex(root) !== helmVerification.hex(checkpoint.root)) {
      throw new Refused("proof", "the receipts lead to another root than the checkpoint's");
    }
    return `entries ${log.first} to ${log.first + leaves.length - 1} of ${checkpoint.size} are in the log ` +
      `${checkpoint.origin}, whose key ${log.vkey} signed the checkpoint; ${log.whose}`;
  }

  async function verify(progress) {
    const enclosed = data("enclosed");
    const keys = await Promise.all(enclosed.keys.map((key) =>
      key ? helmVerification.publicKey(helmVerification.fromHex(key)) : null));
    const lines = await linesOf(enclosed);
    const entries = await verifyAll(lines, keys, (done) =>
      progress(`${done.toLocaleString()} of ${lines.length.toLocaleString()}`));
    const said = await verifyLog(enclosed, entries);
    const sums = sumUp(entries);
    compare(sums, data("totals"));
    const beyond = lines.length - enclosed.logged;
    const steps = [
      `${sums.receipts.toLocaleString()} receipts are signed by ${keys.filter(Boolean).map((key) => key.keyid).join(", ")}; ${enclosed.whose}`,
      said,
      "summed up again, they give the totals above",
    ];
    if (beyond) steps.push(`not that the last ${beyond} are in the log: they weren't yet`);
    return {
      steps,
      notProven: [...enclosed.notProven, "the tables below, which whoever made this report summed up"],
    };
  }

  function add(parent, tag, text) {
    const made = document.createElement(tag);
    made.textContent = text;
    parent.append(made);
    return made;
  }

  function show(kind, title, lists) {
    const place = byId("result");
    place.className = kind;
    place.replaceChildren();
    add(place, "strong", title);
    for (const [heading, lines] of lists) {
      if (heading) add(place, "p", heading);
      const list = add(place, "ul", "");
      lines.forEach((line) => add(list, "li", line));
    }
  }

  byId("verify").addEventListener("click", async () => {
    byId("verify").disabled = true;
    const progress = (text) => (byId("progress").textContent = text);
    try {
      const { steps, notProven } = await verify(progress);
      show("verified", "VERIFIED", [["", steps], ["Not proven:", notProven]]);
    } catch (error) {
      show("refused", `NOT VERIFIED (${error.kind ?? "error"})`, [["", [error.message]]]);
    }
    progress("");
    byId("verify").disabled = false;
  });
})();

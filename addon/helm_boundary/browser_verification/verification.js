// Verification of receipts in a browser, with nothing but WebCrypto and keys that somebody trusts.
//
// It repeats what helm_receipts/audit/verify.py and helm_receipts/log/proof.py do, step by step, and
// shares no code with them. Sources: DSSE 1.0.0, RFC 8032, RFC 8785, RFC 9162, c2sp.org/tlog-checkpoint.
"use strict";

const helmVerification = (() => {
  const PAYLOAD_TYPE = "application/vnd.in-toto+json";
  const STATEMENT = "https://in-toto.io/Statement/v1";
  const PREDICATE = "urn:helm-boundary:decision:v1";
  const SPKI = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
  const P256_SPKI = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
  ];
  // Half of the order of P-256.
  const HALF_ORDER = "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8";
  // Encodings of points of small order, sign bit cleared: under such a key anything verifies.
  const SMALL_ORDER = new Set([
    "00".repeat(32),
    "01" + "00".repeat(31),
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ec" + "ff".repeat(30) + "7f",
    "ed" + "ff".repeat(30) + "7f",
    "ee" + "ff".repeat(30) + "7f",
  ]);

  // What is wrong, in a word for programs (`kind`) and in a sentence.
  class Refused extends Error {
    constructor(kind, message) {
      super(message);
      this.kind = kind;
    }
  }

  // -- bytes -------------------------------------------------------------------------------------

  const utf8 = (text) => new TextEncoder().encode(text);

  function concat(...parts) {
    const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

  function fromHex(text) {
    if (!/^(?:[0-9a-f]{2})*$/.test(text)) throw new Refused("malformed", "expected lower-case hex");
    return Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
  }

  function base64(bytes) {
    let text = "";
    for (let at = 0; at < bytes.length; at += 0x8000) {
      text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
    }
    return btoa(text);
  }

  // Standard base64 with its padding, in the one spelling that there is for these bytes.
  function fromBase64(text) {
    let bytes;
    try {
      bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    } catch {
      throw new Refused("malformed", "expected padded standard base64");
    }
    if (base64(bytes) !== text) throw new Refused("malformed", "expected canonical base64");
    return bytes;
  }

  const same = (one, other) => hex(one) === hex(other);

  async function sha256(bytes) {
    return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  }

  // -- keys --------------------------------------------------------------------------------------

  // A key's length says what it is: 32 bytes of Ed25519, or 65 of an uncompressed point on P-256.
  async function publicKey(raw) {
    return raw.length === 65 ? p256Key(raw) : ed25519Key(raw);
  }

  async function ed25519Key(raw) {
    if (raw.length !== 32) {
      throw new Refused("key", `a public key is 32 or 65 bytes, found ${raw.length}`);
    }
    const cleared = raw.slice();
    cleared[31] &= 0x7f;
    if (SMALL_ORDER.has(hex(cleared))) {
      throw new Refused("key", "a public key of small order, under which anything verifies");
    }
    const described =
      `{"keytype":"ed25519","keyval":{"public":"${hex(raw)}"},"scheme":"ed25519"}`;
    const point = await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"]);
    return {
      raw,
      keyid: hex(await sha256(utf8(described))),
      spki: base64(concat(Uint8Array.from(SPKI), raw)),
      details: "PKIX_ED25519",
      verify: (signature, message) =>
        crypto.subtle.verify({ name: "Ed25519" }, point, signature, message),
    };
  }

  async function p256Key(raw) {
    const curve = { name: "ECDSA", namedCurve: "P-256" };
    let point;
    try {
      point = await crypto.subtle.importKey("raw", raw, curve, false, ["verify"]);
    } catch {
      throw new Refused("key", "expected a point on P-256");
    }
    const spki = base64(concat(Uint8Array.from(P256_SPKI), raw));
    const pem = `-----BEGIN PUBLIC KEY-----\n${spki.match(/.{1,64}/g).join("\n")}\n-----END PUBLIC KEY-----\n`;
    const described =
      `{"keytype":"ecdsa","keyval":{"public":"${pem}"},"scheme":"ecdsa-sha2-nistp256"}`;
    return {
      raw,
      keyid: hex(await sha256(utf8(described))),
      spki,
      details: "PKIX_ECDSA_P256_SHA_256",
      verify: async (signature, message) => {
        const joined = fromDer(signature);
        const algorithm = { name: "ECDSA", hash: "SHA-256" };
        return joined !== null && crypto.subtle.verify(algorithm, point, joined, message);
      },
    };
  }

  // The two numbers of an ECDSA signature in DER, joined as WebCrypto takes them; null unless it is
  // the one spelling that counts: the lesser of s and n - s, so nobody can make another of it.
  function fromDer(der) {
    const numbers = [];
    let at = 2;
    while (at < der.length && numbers.length < 2) {
      const size = der[at + 1];
      const number = der.slice(at + 2, at + 2 + size);
      const spare = number[0] === 0 && number[1] < 0x80;
      if (der[at] !== 2 || size < 1 || number.length !== size || number[0] > 0x7f) return null;
      if (spare || size > 33 || (size === 33 && number[0] !== 0)) return null;
      numbers.push(number[0] === 0 ? number.slice(1) : number);
      at += 2 + size;
    }
    if (der[0] !== 0x30 || der[1] !== der.length - 2 || at !== der.length || numbers.length !== 2) {
      return null;
    }
    const joined = new Uint8Array(64);
    numbers.forEach((number, place) => joined.set(number, 32 * (place + 1) - number.length));
    return hex(joined.slice(32)) <= HALF_ORDER ? joined : null;
  }

  async function verifies(key, signature, message) {
    return key.verify(signature, message);
  }

  // A log's verifier key: name+hash+key, where the hash is of name and key.
  async function logKey(text) {
    const parts = text.trim().split("+");
    const [name, identity] = parts;
    const raw = fromBase64(parts.slice(2).join("+"));
    if (!name || /\s/.test(name) || raw[0] !== 1 || raw.length !== 33) {
      throw new Refused("key", "expected the verifier key of an Ed25519 log");
    }
    const id = (await sha256(concat(utf8(name), Uint8Array.of(10), raw))).slice(0, 4);
    if (hex(id) !== identity) throw new Refused("key", "the log key's id doesn't fit the key");
    return { name, id, key: await publicKey(raw.slice(1)) };
  }

  // -- receipts ----------------------------------------------------------------------------------

  function pae(payload) {
    return concat(utf8(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `), payload);
  }

  function lineOf(payload, keyid, signature) {
    return (
      `{"payload":"${base64(payload)}","payloadType":"${PAYLOAD_TYPE}",` +
      `"signatures":[{"keyid":"${keyid}","sig":"${base64(signature)}"}]}`
    );
  }

  // An envelope must be written in the one way that the journal has, or its hash could be another.
  function parseLine(line) {
    let value;
    try {
      value = JSON.parse(line);
    } catch {
      throw new Refused("malformed", "expected an envelope in JSON");
    }
    const signature = (value?.signatures ?? [])[0];
    if (typeof value?.payload !== "string" || typeof signature?.sig !== "string") {
      throw new Refused("malformed", "expected an envelope with one signature");
    }
    if (value.payloadType !== PAYLOAD_TYPE) {
      throw new Refused("malformed", `expected ${PAYLOAD_TYPE}, found another payload type`);
    }
    const parsed = {
      payload: fromBase64(value.payload),
      keyid: String(signature.keyid),
      signature: fromBase64(signature.sig),
    };
    if (lineOf(parsed.payload, parsed.keyid, parsed.signature) !== line) {
      throw new Refused("malformed", "expected the envelope as it stands in the journal");
    }
    return parsed;
  }

  // RFC 8785: what JSON.stringify writes, with members sorted by UTF-16 unit.
  function canonical(value) {
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (value !== null && typeof value === "object") {
      const members = Object.keys(value).sort();
      return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
    }
    if (typeof value === "number" && !Number.isSafeInteger(value)) {
      throw new Refused("malformed", "expected integers within 2^53 - 1");
    }
    if (typeof value === "string" && !value.isWellFormed()) {
      throw new Refused("malformed", "a string holds half of a character");
    }
    return JSON.stringify(value);
  }

  function parseStatement(payload) {
    let text, value;
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload);
      value = JSON.parse(text);
    } catch {
      throw new Refused("malformed", "expected a statement in JSON");
    }
    if (canonical(value) !== text) {
      throw new Refused("malformed", "the statement isn't canonical: two readers could differ");
    }
    if (value?._type !== STATEMENT || value.predicateType !== PREDICATE || !value.predicate) {
      throw new Refused("malformed", `expected a statement with the predicate ${PREDICATE}`);
    }
    return value;
  }

  function receiptId(statement) {
    const { writer, number } = statement.predicate.sequence ?? {};
    return `${writer}-${String(number).padStart(6, "0")}`;
  }

  // Verifies one receipt: exactly this was signed by exactly this key.
  async function verifyReceipt(line, key) {
    // 1. Decode; nothing in the envelope is believed yet, its key id least of all.
    const parsed = parseLine(line);
    if (parsed.keyid !== key.keyid) {
      throw new Refused("foreign-key", "it names another key than the one that is trusted");
    }
    // 2. The signature, over exactly the bytes that are parsed next.
    if (!(await verifies(key, parsed.signature, pae(parsed.payload)))) {
      throw new Refused("edited", "the signature doesn't verify: it was changed, or forged");
    }
    // 3. The statement, in the one form that it can have.
    const statement = parseStatement(parsed.payload);
    return { id: receiptId(statement), statement, leaf: await leafOf(parsed, key) };
  }

  // -- the log -----------------------------------------------------------------------------------

  const leafHash = (entry) => sha256(concat(Uint8Array.of(0), entry));
  const nodeHash = (left, right) => sha256(concat(Uint8Array.of(1), left, right));

  async function leafOf(parsed, key) {
    const digest = base64(await sha256(pae(parsed.payload)));
    return leafHash(
      utf8(
        '{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":' +
          `{"algorithm":"SHA2_256","digest":"${digest}"},"signature":{"content":` +
          `"${base64(parsed.signature)}","verifier":{"keyDetails":"${key.details}",` +
          `"publicKey":{"rawBytes":"${key.spki}"}}}}}}`,
      ),
    );
  }

  // Verifies that a leaf is at `index` in the tree of this size and root (RFC 9162, 2.1.3.2).
  async function verifyInclusion(leaf, index, size, proof, root) {
    if (leaf.length !== 32) throw new Refused("proof", "expected a leaf's hash of 32 bytes");
    if (!(Number.isSafeInteger(index) && index >= 0 && index < size)) {
      throw new Refused("proof", `expected an index below the size ${size}`);
    }
    let position = BigInt(index);
    let last = BigInt(size) - 1n;
    let found = leaf;
    for (const step of proof) {
      if (last === 0n) throw new Refused("proof", "expected a shorter inclusion proof");
      if (position & 1n || position === last) {
        found = await nodeHash(step, found);
        while (!(position & 1n) && position) {
          position >>= 1n;
          last >>= 1n;
        }
      } else {
        found = await nodeHash(found, step);
      }
      position >>= 1n;
      last >>= 1n;
    }
    if (last !== 0n) throw new Refused("proof", "expected a longer inclusion proof");
    if (!same(found, root)) {
      throw new Refused("proof", "the proof leads to another root: this receipt isn't in the log");
    }
  }

  // The largest power of two below `size`.
  function split(size) {
    let power = 1;
    while (power * 2 < size) power *= 2;
    return power;
  }

  // The root of a tree of which the leaves from `first` on are given, and in `outside` the hashes of
  // what lies before and behind them, from left to right.
  async function rootOfRange(first, leaves, size, outside) {
    const end = first + leaves.length;
    let used = 0;
    const hashOf = (low, high) => {
      if (high <= first || low >= end) {
        const given = outside[used++];
        if (!given) throw new Refused("proof", "expected more hashes of what isn't enclosed");
        return given;
      }
      if (high - low === 1) return leaves[low - first];
      const middle = low + split(high - low);
      return Promise.all([hashOf(low, middle), hashOf(middle, high)]).then((both) =>
        nodeHash(...both),
      );
    };
    if (!leaves.length || end > size) throw new Refused("proof", "expected leaves of this log");
    const root = await hashOf(0, size);
    if (used !== outside.length) throw new Refused("proof", "expected fewer hashes");
    return root;
  }

  // Verifies a checkpoint's signature (c2sp.org/signed-note) and returns what it commits to.
  async function verifyCheckpoint(note, key) {
    const cut = note.lastIndexOf("\n\n");
    const body = note.slice(0, cut + 1);
    const parts = body.split("\n");
    if (cut < 0 || parts.length !== 4 || !/^(?:0|[1-9][0-9]{0,15})$/.test(parts[1])) {
      throw new Refused("checkpoint", "expected three lines in a checkpoint: origin, size and root");
    }
    const root = fromBase64(parts[2]);
    if (root.length !== 32) throw new Refused("checkpoint", "expected a root of 32 bytes");
    for (const line of note.slice(cut + 2).split("\n")) {
      const [dash, name, encoded] = line.split(" ");
      if (dash !== "\u2014" || name !== key.name) continue;
      const raw = fromBase64(encoded);
      if (!same(raw.slice(0, 4), key.id)) continue;
      if (!(await verifies(key.key, raw.slice(4), utf8(body)))) {
        throw new Refused("checkpoint", "the checkpoint's signature doesn't verify");
      }
      if (parts[0] !== key.name) throw new Refused("checkpoint", "the checkpoint of another log");
      return { origin: parts[0], size: Number(parts[1]), root };
    }
    throw new Refused("checkpoint", "the log's key didn't sign this checkpoint");
  }

  // Verifies a receipt with its proof, as the page gets them. Returns what was found, step by step.
  async function verifyEvidence(evidence) {
    const steps = [];
    const key = await publicKey(fromHex(evidence.key.public));
    const receipt = await verifyReceipt(evidence.envelope, key);
    if (receipt.id !== evidence.id) {
      throw new Refused("swapped", `expected receipt ${evidence.id}, found ${receipt.id}`);
    }
    steps.push(`the key ${key.keyid.slice(0, 16)}… signed exactly this; ${evidence.key.whose}`);
    if (!evidence.proof) return { steps, missing: evidence.missing, statement: receipt.statement };
    const log = await logKey(evidence.log.vkey);
    const checkpoint = await verifyCheckpoint(evidence.proof.note, log);
    const hashes = evidence.proof.hashes.map(fromBase64);
    await verifyInclusion(
      receipt.leaf, evidence.proof.index, checkpoint.size, hashes, checkpoint.root);
    steps.push(
      `it is number ${evidence.proof.index} of ${checkpoint.size} in the log ` +
        `${checkpoint.origin}, whose key signed the checkpoint; ${evidence.log.whose}`,
    );
    return { steps, missing: "", statement: receipt.statement };
  }

  return {
    Refused, fromBase64, fromHex, hex, lineOf, logKey, pae, publicKey, rootOfRange, utf8,
    verifies, verifyCheckpoint, verifyEvidence, verifyInclusion, verifyReceipt,
  };
})();

// Elements and texts. Whatever came from outside goes in as text, and what could steer a reader's eye
// (controls, marks that turn the direction of writing, signs without width) is shown as an escape.
"use strict";

// What is longer than anybody reads is cut, and says how much of it isn't shown.
const LONGEST = 20000;

function shown(text) {
  const whole = String(text);
  if (whole.length > LONGEST) {
    return `${shown(whole.slice(0, LONGEST))}… (${whole.length - LONGEST} more characters)`;
  }
  return whole.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (sign) => {
    if (sign === "\n") return sign;
    return `\\u{${sign.codePointAt(0).toString(16)}}`;
  });
}

// Makes an element: names of attributes with their values, then texts and elements.
function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  for (const child of children) {
    if (child == null) continue;
    made.append(child instanceof Node ? child : shown(child));
  }
  return made;
}

// A text of somebody else's: whichever direction it is written in, what is around it stays in place.
const foreign = (text) => element("bdi", {}, text ?? "");

const byId = (id) => document.getElementById(id);

function clock(microseconds) {
  const when = new Date(microseconds / 1000);
  const today = new Date().toDateString() === when.toDateString();
  const time = when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return today ? time : `${when.toLocaleDateString()} ${time}`;
}

const whole = (number) => Number(number).toLocaleString();

function verdictOf(row) {
  const marks = { ALLOW: "✓", DENY: "✕", ESCALATE: "?" };
  const observed = row.enforcement === "observed";
  return element(
    "span",
    { class: `verdict ${row.verdict in marks ? row.verdict : ""}`, title: observed ? "observed, not enforced" : null },
    `${marks[row.verdict] ?? ""} ${row.verdict}${observed ? " (observed)" : ""}`,
  );
}

// Asks the server. Every request has the second secret beside the cookie: this origin keeps it, where
// a cookie goes to all of the machine's ports.
const server = {
  get secret() {
    return localStorage.getItem("helm-boundary-page") ?? "";
  },

  set secret(value) {
    localStorage.setItem("helm-boundary-page", value);
  },

  async get(path) {
    const headers = { Accept: "application/json", "X-Helm-Page": this.secret };
    return this._answer(await fetch(path, { headers }));
  },

  async post(path, value) {
    const headers = { "Content-Type": "application/json", "X-Helm-Page": this.secret };
    return this._answer(await fetch(path, { method: "POST", headers, body: JSON.stringify(value) }));
  },

  async _answer(response) {
    const value = await response.json();
    if (response.status === 401) document.dispatchEvent(new Event("signed-out"));
    if (!response.ok) throw new Error(value.error ?? `status ${response.status}`);
    return value;
  },
};

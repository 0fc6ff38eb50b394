"use strict";

// Answers: kept in the browser until they are delivered, so that a closed tab or a lost connection loses none.

/** @type {{ study: Study, fields: string[] }} */
const { study, fields } = JSON.parse(document.getElementById("study").textContent);
const STORE = `listening-test-${study.study}`;
const RETRY_S = 5;

// All that this browser knows of the study: one session per listener, the last is the current one.
/** @type {Session[]} */
let sessions = [];
let isKept = true;

function restore() {
  try {
    sessions = JSON.parse(localStorage.getItem(STORE)) ?? [];
  } catch {
    isKept = false;
  }
}

function keep() {
  try {
    localStorage.setItem(STORE, JSON.stringify(sessions));
  } catch {
    isKept = false;
  }
}

/**
 * @param {number} form
 * @returns {Session}
 */
function newSession(form) {
  const digits = crypto.getRandomValues(new Uint8Array(6));
  const listener = Array.from(digits, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { listener, form, device: null, bandwidth_hz: null, answers: [] };
}

/** @param {Session} session */
function addSession(session) {
  sessions.push(session);
  keep();
}

/**
 * @param {Session} session
 * @param {Answer} answer
 */
function addAnswer(session, answer) {
  session.answers.push({ answer, delivered: false });
  keep();
  deliver();
}

function waiting() {
  return sessions.flatMap((session) => session.answers).filter((entry) => !entry.delivered);
}

// No value holds a comma, a quote or a line break.
function csv() {
  const rows = sessions.flatMap((session) => session.answers).map(({ answer }) => fields.map((name) => answer[name]));
  return [fields, ...rows].map((row) => row.join(",") + "\r\n").join("");
}

const isServed = location.protocol.startsWith("http");
let isDelivering = false;
/** @type {ReturnType<typeof setTimeout>} */
let retry;
let onDelivery = () => {};

// Posts what waits, one by one. What isn't confirmed waits on: the server confirms what it already has, too.
async function deliver() {
  if (!isServed || isDelivering) return;
  isDelivering = true;
  clearTimeout(retry);
  const tried = new Set();
  for (let entry; (entry = waiting().find((candidate) => !tried.has(candidate))); ) {
    tried.add(entry);
    try {
      const response = await fetch("answers", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(entry.answer),
        keepalive: true,
      });
      if (!response.ok || (await response.json()).saved !== true) continue;
    } catch {
      break;
    }
    entry.delivered = true;
    keep();
  }
  isDelivering = false;
  onDelivery();
  if (waiting().length) retry = setTimeout(deliver, 1000 * RETRY_S);
}

"use strict";

// The way of a listener through the test: the welcome or coming back, from trial to trial, and the end.

const CONSENT = `This is a listening test for research. You listen to short sounds and say what you think of them.

What is stored: your answers, when you gave them and how long you listened, whether you used headphones, which of some high tones you heard, and a random number instead of your name. Nothing else about you or your device.

Taking part is voluntary. You can stop at any time by closing the page. It remembers where you were, on this device only.`;
// A question without answers is answered on a scale from 1 to 100.
/** @type {Record<Question, { text: string, one: string, many: string, answers: string[][] }>} */
const QUESTIONS = {
  preference: {
    text: "Which of the two sounds better to you?",
    one: "Pair",
    many: "pairs",
    answers: [
      ["a", "A", "sounds better"],
      ["none", "", "No clear difference"],
      ["b", "B", "sounds better"],
    ],
  },
  quality: {
    text: "How good is the sound quality overall?",
    one: "Sound",
    many: "sounds",
    answers: [
      ["1", "1", "Bad"],
      ["2", "2", "Poor"],
      ["3", "3", "Fair"],
      ["4", "4", "Good"],
      ["5", "5", "Excellent"],
    ],
  },
  overall: {
    text: "What is your overall impression: does the sound fit the text, and is it good?",
    one: "Sound",
    many: "sounds",
    answers: [],
  },
  relevance: {
    text: "How well does the sound fit the text: is everything there, in the right order?",
    one: "Sound",
    many: "sounds",
    answers: [],
  },
  audio_quality: {
    text: "How good is the sound itself: is it clear, and can you tell what it is?",
    one: "Sound",
    many: "sounds",
    answers: [],
  },
};
const PARTS = ["Second", "Third", "Fourth", "Fifth"];

/** @type {Session | null} */
let session = null;
const CONSENT_BOX = /** @type {HTMLInputElement} */ ($("consent"));
// The order of the trials for a listener who begins.
/** @type {number | null} */
let drawnForm = null;

function form() {
  return study.forms[session.form];
}

function chooseForm() {
  const asked = new URLSearchParams(location.search).get("form");
  if (asked === null) return Math.floor(Math.random() * study.forms.length);
  const index = Number(asked);
  return /^\d+$/.test(asked) && index < study.forms.length ? index : null;
}

function start() {
  session = sessions.at(-1) ?? null;
  tones = trial = null;
  if (session === null) welcome();
  else if (session.answers.length < form().length) comeBack();
  else thank();
}

/**
 * @param {number} number
 * @param {Question} question
 */
function counted(number, question) {
  const { one, many } = QUESTIONS[question];
  return number === 1 ? `one ${one.toLowerCase()}` : `${number} ${many}`;
}

function welcome() {
  drawnForm = chooseForm();
  if (drawnForm === null) {
    $("stopped-text").textContent =
      `It asks for form ${new URLSearchParams(location.search).get("form")}, but this test has the forms 0 to ${study.forms.length - 1}. Please ask the person who invited you for another link.`;
    return show("stopped");
  }
  const trials = study.forms[drawnForm];
  /** @param {Question} question */
  const tested = (question) => trials.filter((each) => each.question === question && !each.training).length;
  const asked = /** @type {Question[]} */ (Object.keys(QUESTIONS)).filter(tested);
  // A sound that is rated in several ways comes as often.
  const rated = asked.filter((question) => question !== "preference");
  const blocks = asked
    .filter((question) => question === "preference" || question === rated[0])
    .map((question) => counted((question === "preference" ? asked.slice(0, 1) : rated).map(tested).reduce((a, b) => a + b), question));
  const practice = trials.some((each) => each.training) ? ", after a little practice" : "";
  $("title").textContent = study.title;
  $("overview").textContent =
    `You will hear ${blocks.join(" and ")}${practice}. What counts is what you hear: there are no right answers.`;
  // Each side once or twice, and a moment to decide.
  const seconds = trials.map((each) => (each.b ? 3 : 1.5) * study.durations_s[each.a] + 5);
  const minutes = Math.max(2, Math.ceil(seconds.reduce((sum, each) => sum + each, 0) / 60) + 1);
  $("minutes").textContent = `About ${minutes} minutes`;
  paragraphs($("consent-text"), study.consent ?? CONSENT);
  CONSENT_BOX.checked = false;
  agree();
  show("welcome");
}

function agree() {
  setAvailable($("begin"), CONSENT_BOX.checked);
  setText($("welcome-hint"), CONSENT_BOX.checked ? "" : "Please tick the box to begin.");
}

function comeBack() {
  const done = session.answers.length;
  $("back-text").textContent =
    `You have answered ${done} of ${form().length}. All of it is kept; you go on where you stopped.`;
  show("back");
}

function place() {
  const trials = form();
  const index = session.answers.length;
  const current = trials[index];
  /** @param {FormTrial} each */
  const isSame = (each) => each.question === current.question && each.training === current.training;
  return {
    current,
    index,
    number: trials.slice(0, index + 1).filter(isSame).length,
    count: trials.filter(isSame).length,
    isNewBlock: index === 0 || !isSame(trials[index - 1]),
    isNewQuestion: index === 0 || trials[index - 1].question !== current.question,
  };
}

function nextTrial() {
  drawProgress();
  if (session.answers.length === form().length) return thank();
  if (place().isNewBlock) introduce();
  else openTrial();
}

function drawProgress() {
  const [done, count] = [session.answers.length, form().length];
  $("progress").setAttribute("aria-valuemax", String(count));
  $("progress").setAttribute("aria-valuenow", String(done));
  $("progress-done").style.width = `${(100 * done) / count}%`;
  $("count").textContent = `${done} of ${count} done`;
  drawNotice();
}

function introduce() {
  const { current, count, isNewQuestion } = place();
  const isPair = current.question === "preference";
  const scale = QUESTIONS[current.question].answers.length
    ? "rate how good it sounds, from bad (1) to excellent (5)"
    : `rate it from 1, the worst, to 100, the best. ${QUESTIONS[current.question].text}`;
  const how = isPair
    ? "You hear the same sound in two versions, A and B. Both run at once, and you switch between them without a gap, as often as you like.\n\nThen say which sounds better to you. If neither does, say so: that is an answer too."
    : `Now you hear one sound at a time, and ${scale}${scale.endsWith("?") ? "" : "."}\n\nTry to use the whole scale.`;
  const isSecond = isNewQuestion && session.answers.length > 0;
  const part = new Set(form().slice(0, session.answers.length).map((each) => each.question)).size;
  $("interlude-eyebrow").textContent = isSecond ? `${PARTS[part - 1]} part` : current.training ? "Practice" : "The test";
  $("interlude-heading").textContent = current.training
    ? "A little practice first"
    : isNewQuestion
      ? isPair ? "Two versions of a sound" : "One sound at a time"
      : "Now the test itself";
  const what = counted(count, current.question);
  const size = current.training
    ? `Try it with ${what}. Practice doesn’t count.`
    : `${what[0].toUpperCase() + what.slice(1)} from here on. Take a break whenever you like.`;
  paragraphs($("interlude-text"), isNewQuestion ? `${how}\n\n${size}` : size);
  show("interlude");
}

function thank() {
  trial = null;
  $("thanks-text").textContent = isServed
    ? "That was the last one. Your ears have helped."
    : "That was the last one. One more step: download your answers, and send the file to the person who invited you.";
  $("thanks-listener").textContent = `Your random number is ${session.listener}.`;
  drawDelivery();
  show("thanks");
}

function drawDelivery() {
  const left = waiting().length;
  $("delivery").classList.toggle("arrived", isServed && !left);
  setText(
    $("delivery"),
    !isServed
      ? ""
      : left
        ? `${left} ${left === 1 ? "answer is" : "answers are"} still on the way. Please keep this page open, or download the answers and send the file to the person who invited you.`
        : "All your answers have arrived. You can close this page.",
  );
}

function drawNotice() {
  $("notice").hidden = isKept;
  setText(
    $("notice"),
    "This browser doesn’t let the page remember your progress. Please finish in one go, and download your answers at the end.",
  );
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  link.download = `answers-${study.study}-${session.listener}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function anotherListener() {
  session = null;
  welcome();
}

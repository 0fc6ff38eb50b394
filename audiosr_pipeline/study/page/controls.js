"use strict";

// What the listener does, by buttons and by keys; then the test begins.

const SEEK_S = 0.5;

$("consent").addEventListener("change", agree);
$("device-choices").addEventListener("change", hintDevice);
for (const chosenOrMoved of ["change", "input", "click"]) $("choices").addEventListener(chosenOrMoved, drawHint);
onPress("begin", setVolume);
onPress("resume", nextTrial);
onPress("back-other", anotherListener);
onPress("volume-play", playSample);
onPress("volume-next", askDevice);
onPress("device-next", () => {
  session.device = chosen("device");
  checkTones(false);
});
onPress("tone-play", togglePlay);
onPress("tone-yes", () => answerTone(true));
onPress("tone-no", () => answerTone(false));
onPress("interlude-next", openTrial);
onPress("play", togglePlay);
onPress("side-a", () => hear("a"));
onPress("side-b", () => hear("b"));
onPress("repeat", toggleRepeat);
onPress("loop", markLoop);
onPress("retry", openTrial);
onPress("submit", submit);
onPress("download", download);
onPress("another", anotherListener);

// A click on a control leaves the focus where it is, so that Space goes on meaning play and pause.
for (const control of document.querySelectorAll(".card button"))
  control.addEventListener("mousedown", (event) => event.preventDefault());

/** @type {Record<string, Record<string, () => void>>} */
const KEYS = {
  trial: {
    a: () => $("side-a").click(),
    b: () => $("side-b").click(),
    r: toggleRepeat,
    l: markLoop,
    arrowleft: () => player && seek(player.position - SEEK_S),
    arrowright: () => player && seek(player.position + SEEK_S),
    home: () => seek(0),
    end: () => player && seek(player.duration),
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = /** @type {HTMLElement} */ (event.target);
  const key = event.key.toLowerCase();
  const isRadio = target.matches("[type=radio]");
  const isScale = target.matches("[type=range]");
  const visible = $(shownScreen());
  /** @param {string} selector */
  const found = (selector) => /** @type {NodeListOf<HTMLElement>} */ (visible.querySelectorAll(selector));
  let action = null;
  if (key === " ") {
    // Space presses the button and ticks the box that has the focus; a chosen answer it could not change.
    if (target.closest("button, [type=checkbox]") || (isRadio && !target.matches(":checked"))) return;
    const [button] = found("[data-play]");
    action = button && (() => button.click());
  } else if (key === "enter") {
    if (target.closest("button")) return;
    action = () => found("[data-primary]")[0]?.click();
  } else if (/^[1-9]$/.test(key)) {
    const choice = found(".choices [type=radio], .pair button")[Number(key) - 1];
    action = choice && (() => choice.click());
    if (visible.id === "trial" && scaleInput()) action = () => setTens(Number(key));
  } else if (!(isRadio && key.startsWith("arrow")) && !(isScale && /^(arrow|home|end)/.test(key))) {
    action = KEYS[visible.id]?.[key];
  }
  if (!action) return;
  event.preventDefault();
  if (!event.repeat || key.startsWith("arrow")) action();
});

// Another tab went on with the test: this one follows, instead of writing over its answers.
window.addEventListener("storage", (event) => {
  if (event.key !== STORE) return;
  restore();
  /** @param {Session} latest */
  const isSame = (latest) => latest?.listener === session?.listener && latest?.answers.length === session?.answers.length;
  if (isSame(sessions.at(-1))) session = sessions.at(-1) ?? null;
  else start();
});
window.addEventListener("online", deliver);
window.addEventListener("beforeunload", (event) => {
  if (!isKept && waiting().length) event.preventDefault();
});

document.title = $("brand").textContent = study.title;
onDelivery = drawDelivery;
restore();
drawNotice();
start();
deliver();

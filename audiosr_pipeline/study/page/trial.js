"use strict";

// A trial: what is asked, what must be heard before the answer counts, and the answer.

// How long each side must be heard before an answer counts; of a shorter sound, almost all.
const HEARD_S = 2;
const HEARD_SHARE = 0.9;

// The trial on the screen.
/** @type {OpenTrial | null} */
let trial = null;

async function openTrial() {
  const { current, index, number, count } = place();
  const question = QUESTIONS[current.question];
  const isPair = current.b !== undefined;
  /** @type {OpenTrial} */
  const opened = { ...current, position: index + 1, openedAt: performance.now(), loopStart: null };
  trial = opened;
  $("trial-eyebrow").textContent = current.training ? "Practice" : "";
  $("trial-heading").textContent = `${question.one} ${number} of ${count}`;
  $("trial-question").textContent = $("legend").textContent = study.question_texts?.[current.question] ?? question.text;
  $("trial-prompt").hidden = current.prompt === undefined;
  $("trial-prompt").textContent = `“${current.prompt}”`;
  if (question.answers.length) drawChoices(current.question, question.answers);
  else drawScale();
  $("trial-keys").innerHTML =
    `<span><kbd>Space</kbd> play</span>${isPair ? "<span><kbd>A</kbd> <kbd>B</kbd> switch</span>" : ""}` +
    "<span><kbd>←</kbd> <kbd>→</kbd> move</span><span><kbd>R</kbd> repeat</span><span><kbd>L</kbd> loop</span>" +
    (question.answers.length
      ? `<span><kbd>1</kbd>–<kbd>${question.answers.length}</kbd> answer</span>`
      : "<span><kbd>1</kbd>–<kbd>9</kbd> tens</span>") +
    "<span><kbd>Enter</kbd> next</span>";
  $("side-a").hidden = $("side-b").hidden = !isPair;
  $("trial-problem").hidden = true;
  $("player").classList.add("loading");
  $("player").classList.toggle("single", !isPair);
  drawSides();
  show("trial");
  drawHint();
  /** @type {Side[]} */
  const sides = isPair ? ["a", "b"] : ["a"];
  const next = form()[index + 1];
  forgetAllBut([current.a, current.b, next?.a, next?.b]);
  try {
    const buffers = await Promise.all(sides.map((side) => loadStimulus(current[side])));
    // The listener may have left this trial in another tab.
    if (trial !== opened) return;
    player = new Player(Object.fromEntries(sides.map((side, i) => [side, buffers[i]])), drawTransport);
    player.repeats = isPair;
    $("player").classList.remove("loading");
    drawBars($("timeline"), buffers, NUM_BARS);
    $("timeline").setAttribute("aria-valuemax", player.duration.toFixed(2));
    drawTransport();
    follow(player, drawPosition);
    // So that the next trial opens at once; if this fails, its own opening says so.
    for (const name of [next?.a, next?.b]) if (name) loadStimulus(name).catch(() => {});
  } catch {
    if (trial !== opened) return;
    $("trial-problem").firstElementChild.textContent =
      "This sound could not be loaded. Your answers are safe. Please check your connection, or that the page’s folder is complete, and try again.";
    $("trial-problem").hidden = false;
    drawHint();
  }
}

/**
 * @param {Question} question
 * @param {string[][]} answers
 */
function drawChoices(question, answers) {
  const labels = answers.map(([value, mark, words], i) => {
    const label = document.createElement("label");
    label.innerHTML = `<input type="radio" name="answer"><span><b></b><i></i><kbd aria-hidden="true">${i + 1}</kbd></span>`;
    label.querySelector("input").value = value;
    label.querySelector("b").textContent = mark;
    label.querySelector("i").textContent = words;
    return label;
  });
  $("choices").className = `choices ${question}`;
  $("choices").replaceChildren($("legend"), ...labels);
}

// A scale that shows no number before the listener has moved it: where it stands at first is no answer.
function drawScale() {
  const label = document.createElement("label");
  label.innerHTML =
    '<output></output><input type="range" name="scale" min="1" max="100" value="50"><span><i>1, worst</i><i>100, best</i></span>';
  const input = label.querySelector("input");
  input.setAttribute("aria-label", $("legend").textContent);
  const draw = () => {
    input.dataset.answer = input.value;
    label.querySelector("output").textContent = input.value;
  };
  for (const moved of ["input", "change", "click"]) input.addEventListener(moved, draw);
  $("choices").className = "choices scale";
  $("choices").replaceChildren($("legend"), label);
}

/** @param {number} tens */
function setTens(tens) {
  const input = scaleInput();
  input.value = String(10 * tens);
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

function scaleInput() {
  return /** @type {HTMLInputElement | null} */ ($("choices").querySelector("[type=range]"));
}

function answered() {
  return scaleInput()?.dataset.answer ?? chosen("answer");
}

const needed = () => Math.min(HEARD_S, HEARD_SHARE * player.duration);

// What the listener still has to do before the answer can be sent, or null.
function missing() {
  const isPair = trial.b !== undefined;
  if (player === null) return $("trial-problem").hidden ? "The sound is being loaded." : "The sound is missing.";
  const { a, b } = player.heard;
  if (a === 0 && !player.playing) return isPair ? "Play A, then switch to B." : "Play the sound first.";
  if (a < needed()) return isPair ? "Listen to A a little longer." : "Listen a little longer.";
  if (isPair && b === 0) return "Now switch to B.";
  if (isPair && b < needed()) return "Listen to B a little longer.";
  if (answered() === null) return scaleInput() ? "Move the scale." : "Choose an answer.";
  return null;
}

function drawHint() {
  const reason = missing();
  setAvailable($("submit"), reason === null);
  setText($("hint"), reason ?? "");
}

function drawSides() {
  const [side, heard] = player ? [player.side, player.heard] : ["a", { a: 0, b: 0 }];
  for (const name of /** @type {Side[]} */ (["a", "b"])) {
    const button = $(`side-${name}`);
    button.setAttribute("aria-pressed", String(side === name));
    button.style.setProperty("--heard", String(player ? Math.min(1, heard[name] / needed()) : 0));
  }
  // A is presented first: position effects can be told from preferences only if that holds for everyone.
  setAvailable($("side-b"), player !== null && (heard.a > 0 || player.playing));
}

function submit() {
  const { a, b } = player.heard;
  const isPair = trial.b !== undefined;
  /** @type {Record<string, unknown>} */
  const answer = {
    study: study.study,
    listener: session.listener,
    form: session.form,
    position: trial.position,
    trial: trial.trial,
    question: trial.question,
    stimulus_a: trial.a,
    stimulus_b: trial.b ?? "",
    answer: answered(),
    switches: player.switches,
    seconds_a: a.toFixed(2),
    seconds_b: isPair ? b.toFixed(2) : "",
    seconds_total: ((performance.now() - trial.openedAt) / 1000).toFixed(2),
    submitted_at: new Date().toISOString(),
    device: session.device,
    bandwidth_hz: session.bandwidth_hz,
  };
  // As text, like the fields of the CSV.
  addAnswer(session, Object.fromEntries(fields.map((name) => [name, String(answer[name])])));
  nextTrial();
}

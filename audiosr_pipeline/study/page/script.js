"use strict";

// The way of a listener through the test: one screen at a time.

// How long each side must be heard before an answer counts; of a shorter sound, almost all.
const HEARD_S = 2;
const HEARD_SHARE = 0.9;
const SEEK_S = 0.5;
const NUM_BARS = 72;
const TONES_HZ = [12000, 14000, 16000];
const SCREENS = document.querySelectorAll("main > section");
const CONSENT = `This is a listening test for research. You listen to short sounds and say what you think of them.

What is stored: your answers, when you gave them and how long you listened, whether you used headphones, which of some high tones you heard, and a random number instead of your name. Nothing else about you or your device.

Taking part is voluntary. You can stop at any time by closing the page. It remembers where you were, on this device only.`;
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
};
const ICONS = {
  play: "M8 5.5v13l11-6.5z",
  pause: "M7.5 5.5h3v13h-3zM13.5 5.5h3v13h-3z",
};

const $ = (id) => document.getElementById(id);

let session = null;
let player = null;
// The order of the trials for a listener who begins.
let drawnForm = null;
// What belongs to the sound check or the trial on the screen; replaced by the next.
let tones = null;
let trial = null;

// ---- screens

function show(id) {
  player?.stop();
  player = null;
  for (const screen of SCREENS) screen.hidden = screen.id !== id;
  const isTrial = id === "trial" || id === "interlude";
  $("progress").hidden = $("count").hidden = !isTrial;
  $("bar").hidden = id === "welcome";
  window.scrollTo(0, 0);
  document.querySelector(`#${id} h1`).focus({ preventScroll: true });
}

function screen() {
  return [...SCREENS].find((candidate) => !candidate.hidden).id;
}

function say(text) {
  $("live").textContent = text;
}

function setText(element, text) {
  // Written only when it changes: a screen reader reads out what is written.
  if (element.textContent !== text) element.textContent = text;
}

function paragraphs(element, text) {
  element.replaceChildren(
    ...text.split(/\n\s*\n/).map((content) => {
      const paragraph = document.createElement("p");
      paragraph.textContent = content.trim();
      return paragraph;
    }),
  );
}

function setAvailable(button, isAvailable) {
  // Not `disabled`: the button keeps its place in the tab order, and says why when it is pressed.
  button.setAttribute("aria-disabled", String(!isAvailable));
}

const isAvailable = (button) => button.getAttribute("aria-disabled") !== "true";

// Runs `action` when the button is pressed; while it is not available, points to the hint that says why.
function onPress(id, action) {
  $(id).addEventListener("click", () => {
    if (isAvailable($(id))) return action();
    const hint = $($(id).getAttribute("aria-describedby"));
    if (!hint) return;
    hint.classList.remove("called");
    void hint.offsetWidth; // restarts the animation
    hint.classList.add("called");
    say(hint.textContent);
  });
}

function drawPlay(button, isPlaying, what) {
  button.setAttribute("aria-label", isPlaying ? "Pause" : what);
  button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${isPlaying ? ICONS.pause : ICONS.play}"/></svg>`;
}

// ---- welcome, and coming back

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
  const tested = (question) => trials.filter((each) => each.question === question && !each.training).length;
  const blocks = Object.keys(QUESTIONS).filter(tested);
  const practice = trials.some((each) => each.training) ? ", after a little practice" : "";
  $("title").textContent = study.title;
  $("overview").textContent =
    `You will hear ${blocks.map((question) => counted(tested(question), question)).join(" and ")}${practice}. What counts is what you hear: there are no right answers.`;
  // Each side once or twice, and a moment to decide.
  const seconds = trials.map((each) => (each.b ? 3 : 1.5) * study.durations_s[each.a] + 5);
  const minutes = Math.max(2, Math.ceil(seconds.reduce((sum, each) => sum + each, 0) / 60) + 1);
  $("minutes").textContent = `About ${minutes} minutes`;
  paragraphs($("consent-text"), study.consent ?? CONSENT);
  $("consent").checked = false;
  agree();
  show("welcome");
}

function agree() {
  setAvailable($("begin"), $("consent").checked);
  setText($("welcome-hint"), $("consent").checked ? "" : "Please tick the box to begin.");
}

function comeBack() {
  const done = session.answers.length;
  $("back-text").textContent =
    `You have answered ${done} of ${form().length}. All of it is kept; you go on where you stopped.`;
  show("back");
}

// ---- preparation

function setVolume() {
  session = newSession(drawnForm);
  show("volume");
  setAvailable($("volume-next"), false);
  setText($("volume-hint"), "Play the sound first.");
  $("volume-problem").hidden = true;
  drawPlay($("volume-play"), false, "Play the sound");
}

async function playSample() {
  // At once: a phone allows sound only while it handles the click, which it no longer does after the loading.
  audioContext().resume();
  try {
    const buffer = await loadStimulus(form()[0].a);
    if (screen() !== "volume") return;
    player ??= sample(buffer);
    togglePlay();
  } catch {
    $("volume-problem").textContent =
      "The sound could not be loaded. Please check your connection, or that the page’s folder is complete, and press play again.";
    $("volume-problem").hidden = false;
  }
}

function sample(buffer) {
  drawBars($("volume-meter"), [buffer], 48);
  $("volume-problem").hidden = true;
  const playing = new Player({ a: buffer }, () => {
    drawPlay($("volume-play"), playing.playing, "Play the sound");
    setAvailable($("volume-next"), true);
    setText($("volume-hint"), "");
  });
  playing.repeats = true;
  follow(playing, () => $("volume-meter").style.setProperty("--position", playing.position / playing.duration));
  return playing;
}

function chosen(name) {
  return document.querySelector(`input[name="${name}"]:checked`)?.value ?? null;
}

function askDevice() {
  for (const radio of document.querySelectorAll('input[name="device"]')) radio.checked = radio.value === session.device;
  hintDevice();
  show("device");
}

function hintDevice() {
  setAvailable($("device-next"), chosen("device") !== null);
  setText($("device-hint"), chosen("device") === null ? "Please choose one." : "");
}

// The tones and, as a check on guessing, a silence. Who "hears" the silence is asked again, once; then no tone counts.
function checkTones(isRepeated) {
  const order = [0, ...TONES_HZ]
    .map((frequency) => [Math.random(), frequency])
    .sort(([first], [second]) => first - second)
    .map(([, frequency]) => frequency);
  tones = { order, heard: [], isRepeated };
  show("tones");
  nextTone();
}

function nextTone() {
  const number = tones.heard.length;
  setText($("tone-number"), `${number + 1} of 4`);
  player?.stop();
  player = null;
  const playing = new Player({ a: beeps(tones.order[number]) }, () => {
    $("tones").classList.toggle("sounding", playing.playing);
    if (playing.playing) tones.wasPlayed = true;
    hintTone();
  });
  tones.wasPlayed = false;
  player = playing;
  hintTone();
}

function hintTone() {
  const again = tones.isRepeated && !tones.heard.length ? "Once more, please: only say so when you are sure. " : "";
  drawPlay($("tone-play"), player.playing, "Play the tone");
  for (const id of ["tone-yes", "tone-no"]) setAvailable($(id), tones.wasPlayed);
  setText($("tone-hint"), again + (tones.wasPlayed ? "Did you hear beeps?" : "Play first, then answer."));
}

function answerTone(isHeard) {
  tones.heard.push(isHeard);
  if (tones.heard.length < tones.order.length) {
    nextTone();
    $("tone-play").focus();
    return say(`Tone ${tones.heard.length + 1} of 4. ${$("tone-hint").textContent}`);
  }
  const heard = tones.order.filter((_, index) => tones.heard[index]);
  const isGuess = heard.includes(0);
  if (isGuess && !tones.isRepeated) return checkTones(true);
  session.bandwidth_hz = isGuess ? 0 : Math.max(0, ...heard);
  addSession(session);
  nextTrial();
}

// ---- trials

function place() {
  const trials = form();
  const index = session.answers.length;
  const current = trials[index];
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
  $("progress").setAttribute("aria-valuemax", count);
  $("progress").setAttribute("aria-valuenow", done);
  $("progress").firstElementChild.style.width = `${(100 * done) / count}%`;
  $("count").textContent = `${done} of ${count} done`;
  drawNotice();
}

function introduce() {
  const { current, count, isNewQuestion } = place();
  const isPair = current.question === "preference";
  const how = isPair
    ? "You hear the same sound in two versions, A and B. Both run at once, and you switch between them without a gap, as often as you like.\n\nThen say which sounds better to you. If neither does, say so: that is an answer too."
    : "Now you hear one sound at a time, and rate how good it sounds, from bad (1) to excellent (5).\n\nTry to use the whole scale.";
  const isSecond = isNewQuestion && session.answers.length > 0;
  $("interlude-eyebrow").textContent = isSecond ? "Second part" : current.training ? "Practice" : "The test";
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

async function openTrial() {
  const { current, index, number, count } = place();
  const question = QUESTIONS[current.question];
  const isPair = current.b !== undefined;
  const opened = { ...current, position: index + 1, openedAt: performance.now(), loopStart: null };
  trial = opened;
  $("trial-eyebrow").textContent = current.training ? "Practice" : "";
  $("trial-heading").textContent = `${question.one} ${number} of ${count}`;
  $("trial-question").textContent = $("legend").textContent = study.question_texts?.[current.question] ?? question.text;
  drawChoices(current.question, question.answers);
  $("trial-keys").innerHTML =
    `<span><kbd>Space</kbd> play</span>${isPair ? "<span><kbd>A</kbd> <kbd>B</kbd> switch</span>" : ""}` +
    "<span><kbd>←</kbd> <kbd>→</kbd> move</span><span><kbd>R</kbd> repeat</span><span><kbd>L</kbd> loop</span>" +
    `<span><kbd>1</kbd>–<kbd>${question.answers.length}</kbd> answer</span><span><kbd>Enter</kbd> next</span>`;
  $("side-a").hidden = $("side-b").hidden = !isPair;
  $("trial-problem").hidden = true;
  $("player").classList.add("loading");
  $("player").classList.toggle("single", !isPair);
  drawSides();
  show("trial");
  drawHint();
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

function drawBars(element, buffers, count) {
  const bars = outline(buffers, count).map((level, i) => {
    const height = Math.max(3, 94 * level);
    return `<rect x="${i + 0.2}" y="${50 - height / 2}" width="0.6" height="${height}" rx="0.3" ry="1"/>`;
  });
  if (!element.querySelector("svg"))
    element.innerHTML = '<svg class="wave" preserveAspectRatio="none"></svg><svg class="wave played" preserveAspectRatio="none"></svg>';
  for (const svg of element.querySelectorAll("svg")) {
    svg.setAttribute("viewBox", `0 0 ${count} 100`);
    svg.innerHTML = bars.join("");
  }
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
  if (chosen("answer") === null) return "Choose an answer.";
  return null;
}

function drawHint() {
  const reason = missing();
  setAvailable($("submit"), reason === null);
  setText($("hint"), reason ?? "");
}

function drawSides() {
  const [side, heard] = player ? [player.side, player.heard] : ["a", { a: 0, b: 0 }];
  for (const name of ["a", "b"]) {
    const button = $(`side-${name}`);
    button.setAttribute("aria-pressed", String(side === name));
    button.style.setProperty("--heard", player ? Math.min(1, heard[name] / needed()) : 0);
  }
  // A is presented first: position effects can be told from preferences only if that holds for everyone.
  setAvailable($("side-b"), player !== null && (heard.a > 0 || player.playing));
}

function drawTransport() {
  drawPlay($("play"), player.playing, "Play");
  $("repeat").setAttribute("aria-pressed", String(player.repeats));
  const { loopStart } = trial;
  setText($("loop"), player.loop ? "End the loop" : loopStart === null ? "Loop a part" : "Loop until here");
  $("loop").setAttribute("aria-pressed", String(player.loop !== null));
  drawRegion(player.loop ?? (loopStart === null ? null : [loopStart, loopStart]));
  drawPosition();
}

function drawRegion(region) {
  $("region").hidden = region === null;
  $("timeline").style.setProperty("--from", region === null ? 0 : region[0] / player.duration);
  if (region === null) return;
  $("region").style.left = `${(100 * region[0]) / player.duration}%`;
  $("region").style.width = `${(100 * (region[1] - region[0])) / player.duration}%`;
}

function drawPosition() {
  const { position, duration } = player;
  $("timeline").style.setProperty("--position", position / duration);
  // While it plays, a screen reader that is on the slider would read out every step.
  if (!player.playing || document.activeElement !== $("timeline")) {
    $("timeline").setAttribute("aria-valuenow", position.toFixed(2));
    $("timeline").setAttribute("aria-valuetext", `${position.toFixed(1)} of ${duration.toFixed(1)} seconds`);
  }
  setText($("time"), `${position.toFixed(1)} / ${duration.toFixed(1)} s`);
  drawSides();
  drawHint();
}

// Calls `draw` with every frame for as long as the player is the one on the screen.
function follow(followed, draw) {
  const step = () => {
    if (player !== followed) return;
    if (followed.playing) draw();
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

function togglePlay() {
  if (player === null) return;
  player.playing ? player.pause() : player.play();
  say(player.playing ? `Playing${trial?.b ? ` ${player.side.toUpperCase()}` : ""}` : "Paused");
}

function hear(side) {
  if (player === null || !(side in player.buffers)) return;
  player.choose(side);
  if (!player.playing) player.play();
  drawTransport();
  say(`Playing ${side.toUpperCase()}`);
}

function toggleRepeat() {
  if (player === null) return;
  player.setRepeat(!player.repeats);
  say(player.repeats ? "Repeats" : "Plays once");
}

// Three presses: start, end, off.
function markLoop() {
  if (player === null) return;
  const { position, duration } = player;
  if (player.loop) {
    endLoop();
  } else if (trial.loopStart === null) {
    trial.loopStart = Math.min(position, duration - MIN_LOOP_S);
    drawTransport();
    say(`Loop starts at ${trial.loopStart.toFixed(1)} seconds`);
  } else {
    setLoop(trial.loopStart, position);
  }
}

function setLoop(first, second) {
  const start = Math.max(0, Math.min(first, second));
  const end = Math.min(player.duration, Math.max(first, second, start + MIN_LOOP_S));
  trial.loopStart = null;
  player.setLoop([Math.min(start, end - MIN_LOOP_S), end]);
  say(`Loop from ${start.toFixed(1)} to ${end.toFixed(1)} seconds`);
}

function endLoop() {
  trial.loopStart = null;
  player.setLoop(null);
  say("Loop ended");
}

function seek(time) {
  if (player === null) return;
  player.seek(time);
}

function submit() {
  const { a, b } = player.heard;
  const isPair = trial.b !== undefined;
  const answer = {
    study: study.study,
    listener: session.listener,
    form: session.form,
    position: trial.position,
    trial: trial.trial,
    question: trial.question,
    stimulus_a: trial.a,
    stimulus_b: trial.b ?? "",
    answer: chosen("answer"),
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

// ---- the end

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

// ---- what the listener does

$("consent").addEventListener("change", agree);
$("device-choices").addEventListener("change", hintDevice);
$("choices").addEventListener("change", drawHint);
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

const timeAt = (event) => {
  const { left, width } = $("timeline").getBoundingClientRect();
  return (player.duration * Math.min(Math.max(event.clientX - left, 0), width)) / width;
};
let drag = null;
$("timeline").addEventListener("pointerdown", (event) => {
  if (player === null || event.button !== 0) return;
  $("timeline").setPointerCapture(event.pointerId);
  drag = { x: event.clientX, from: timeAt(event), isRegion: false };
});
$("timeline").addEventListener("pointermove", (event) => {
  if (drag === null || player === null) return;
  drag.isRegion ||= Math.abs(event.clientX - drag.x) > 6;
  if (drag.isRegion) drawRegion([drag.from, timeAt(event)].sort((first, second) => first - second));
});
$("timeline").addEventListener("pointerup", (event) => {
  if (drag === null || player === null) return;
  const [{ from, isRegion }, to] = [drag, timeAt(event)];
  drag = null;
  if (isRegion) return setLoop(from, to);
  if (player.loop && (to < player.loop[0] || to > player.loop[1])) endLoop();
  seek(to);
});
$("timeline").addEventListener("pointercancel", () => {
  drag = null;
  if (player !== null) drawTransport();
});

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
  const { target } = event;
  const key = event.key.toLowerCase();
  const isRadio = target.type === "radio";
  const visible = document.querySelector("main > section:not([hidden])");
  let action = null;
  if (key === " ") {
    // Space presses the button and ticks the box that has the focus; a chosen answer it could not change.
    if (target.closest("button, [type=checkbox]") || (isRadio && !target.checked)) return;
    const button = visible.querySelector("[data-play]");
    action = button && (() => button.click());
  } else if (key === "enter") {
    if (target.closest("button")) return;
    action = () => visible.querySelector("[data-primary]")?.click();
  } else if (/^[1-9]$/.test(key)) {
    const choice = visible.querySelectorAll(".choices input, .pair button")[key - 1];
    action = choice && (() => choice.click());
  } else if (!(isRadio && key.startsWith("arrow"))) {
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

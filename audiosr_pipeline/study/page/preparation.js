"use strict";

// What comes before the trials: volume, device, and a check of which high tones are heard.

const TONES_HZ = [12000, 14000, 16000];

// The tones of the check, and what was said of them.
/** @type {Tones | null} */
let tones = null;

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
    if (shownScreen() !== "volume") return;
    player ??= sample(buffer);
    togglePlay();
  } catch {
    $("volume-problem").textContent =
      "The sound could not be loaded. Please check your connection, or that the page’s folder is complete, and press play again.";
    $("volume-problem").hidden = false;
  }
}

/** @param {AudioBuffer} buffer */
function sample(buffer) {
  drawBars($("volume-meter"), [buffer], 48);
  $("volume-problem").hidden = true;
  const playing = new Player({ a: buffer }, () => {
    drawPlay($("volume-play"), playing.playing, "Play the sound");
    setAvailable($("volume-next"), true);
    setText($("volume-hint"), "");
  });
  playing.repeats = true;
  follow(playing, () => $("volume-meter").style.setProperty("--position", String(playing.position / playing.duration)));
  return playing;
}

function askDevice() {
  /** @type {NodeListOf<HTMLInputElement>} */
  const radios = document.querySelectorAll('input[name="device"]');
  for (const radio of radios) radio.checked = radio.value === session.device;
  hintDevice();
  show("device");
}

function hintDevice() {
  setAvailable($("device-next"), chosen("device") !== null);
  setText($("device-hint"), chosen("device") === null ? "Please choose one." : "");
}

// The tones and, as a check on guessing, a silence. Who "hears" the silence is asked again, once; then no tone counts.
/** @param {boolean} isRepeated */
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

/** @param {boolean} isHeard */
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

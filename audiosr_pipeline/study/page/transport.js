"use strict";

// Playing on the screen of a trial: the two sides, the loop, and the timeline with its position.

const NUM_BARS = 72;

/**
 * @param {HTMLElement} element
 * @param {AudioBuffer[]} buffers
 * @param {number} count
 */
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

function drawTransport() {
  drawPlay($("play"), player.playing, "Play");
  $("repeat").setAttribute("aria-pressed", String(player.repeats));
  const { loopStart } = trial;
  setText($("loop"), player.loop ? "End the loop" : loopStart === null ? "Loop a part" : "Loop until here");
  $("loop").setAttribute("aria-pressed", String(player.loop !== null));
  drawRegion(player.loop ?? (loopStart === null ? null : [loopStart, loopStart]));
  drawPosition();
}

/** @param {Region | null} region */
function drawRegion(region) {
  $("region").hidden = region === null;
  $("timeline").style.setProperty("--from", String(region === null ? 0 : region[0] / player.duration));
  if (region === null) return;
  $("region").style.left = `${(100 * region[0]) / player.duration}%`;
  $("region").style.width = `${(100 * (region[1] - region[0])) / player.duration}%`;
}

function drawPosition() {
  const { position, duration } = player;
  $("timeline").style.setProperty("--position", String(position / duration));
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
/**
 * @param {Player} followed
 * @param {() => void} draw
 */
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
  if (player.playing) player.pause();
  else player.play();
  say(player.playing ? `Playing${trial?.b ? ` ${player.side.toUpperCase()}` : ""}` : "Paused");
}

/** @param {Side} side */
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

/**
 * @param {number} first
 * @param {number} second
 */
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

/** @param {number} time */
function seek(time) {
  if (player === null) return;
  player.seek(time);
}

/** @param {PointerEvent} event */
const timeAt = (event) => {
  const { left, width } = $("timeline").getBoundingClientRect();
  return (player.duration * Math.min(Math.max(event.clientX - left, 0), width)) / width;
};
/** @type {{ x: number, from: number, isRegion: boolean } | null} */
let drag = null;
$("timeline").addEventListener("pointerdown", (event) => {
  if (player === null || event.button !== 0) return;
  $("timeline").setPointerCapture(event.pointerId);
  drag = { x: event.clientX, from: timeAt(event), isRegion: false };
});
$("timeline").addEventListener("pointermove", (event) => {
  if (drag === null || player === null) return;
  drag.isRegion ||= Math.abs(event.clientX - drag.x) > 6;
  if (drag.isRegion) {
    const to = timeAt(event);
    drawRegion([Math.min(drag.from, to), Math.max(drag.from, to)]);
  }
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

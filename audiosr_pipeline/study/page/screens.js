"use strict";

// Screens, of which one is shown, and what they are made of.

/** @type {NodeListOf<HTMLElement>} */
const SCREENS = document.querySelectorAll("main > section");
const ICONS = {
  play: "M8 5.5v13l11-6.5z",
  pause: "M7.5 5.5h3v13h-3zM13.5 5.5h3v13h-3z",
};

/** @param {string} id */
const $ = (id) => document.getElementById(id);

// What plays on the screen, if anything.
/** @type {Player | null} */
let player = null;

/** @param {string} id */
function show(id) {
  player?.stop();
  player = null;
  for (const screen of SCREENS) screen.hidden = screen.id !== id;
  const isTrial = id === "trial" || id === "interlude";
  $("progress").hidden = $("count").hidden = !isTrial;
  $("bar").hidden = id === "welcome";
  window.scrollTo(0, 0);
  /** @type {HTMLElement} */ ($(id).querySelector("h1")).focus({ preventScroll: true });
}

function shownScreen() {
  return [...SCREENS].find((candidate) => !candidate.hidden).id;
}

/** @param {string} text */
function say(text) {
  $("live").textContent = text;
}

/**
 * @param {HTMLElement} element
 * @param {string} text
 */
function setText(element, text) {
  // Written only when it changes: a screen reader reads out what is written.
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {HTMLElement} element
 * @param {string} text
 */
function paragraphs(element, text) {
  element.replaceChildren(
    ...text.split(/\n\s*\n/).map((content) => {
      const paragraph = document.createElement("p");
      paragraph.textContent = content.trim();
      return paragraph;
    }),
  );
}

/**
 * @param {HTMLElement} button
 * @param {boolean} isAvailable
 */
function setAvailable(button, isAvailable) {
  // Not `disabled`: the button keeps its place in the tab order, and says why when it is pressed.
  button.setAttribute("aria-disabled", String(!isAvailable));
}

/** @param {HTMLElement} button */
const isAvailable = (button) => button.getAttribute("aria-disabled") !== "true";

// Runs `action` when the button is pressed; while it is not available, points to the hint that says why.
/**
 * @param {string} id
 * @param {() => void} action
 */
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

/**
 * @param {HTMLElement} button
 * @param {boolean} isPlaying
 * @param {string} what
 */
function drawPlay(button, isPlaying, what) {
  button.setAttribute("aria-label", isPlaying ? "Pause" : what);
  button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${isPlaying ? ICONS.pause : ICONS.play}"/></svg>`;
}

/** @param {string} name */
function chosen(name) {
  const input = /** @type {HTMLInputElement} */ (document.querySelector(`input[name="${name}"]:checked`));
  return input?.value ?? null;
}

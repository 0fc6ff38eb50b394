"use strict";

// Screens, of which one is shown, and what they are made of.

const SCREENS = document.querySelectorAll("main > section");
const ICONS = {
  play: "M8 5.5v13l11-6.5z",
  pause: "M7.5 5.5h3v13h-3zM13.5 5.5h3v13h-3z",
};

const $ = (id) => document.getElementById(id);

// What plays on the screen, if anything.
let player = null;

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

function chosen(name) {
  return document.querySelector(`input[name="${name}"]:checked`)?.value ?? null;
}

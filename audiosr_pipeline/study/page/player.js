"use strict";

// Sound: loading the stimuli, and playing two of them so that switching keeps the position.

const SAMPLING_RATE = 48000;
// The sides share their lower band, so in a linear crossfade the sum keeps its level; it is too short to be heard.
const SWITCH_S = 0.008;
// How far ahead playback is scheduled, so that both sides begin on the same sample.
const AHEAD_S = 0.03;
const MIN_LOOP_S = 0.2;

/** @type {AudioContext | null} */
let context = null;

function audioContext() {
  // At the rate of the stimuli, else the browser resamples them when it decodes.
  context ??= new AudioContext({ sampleRate: SAMPLING_RATE });
  return context;
}

/** @type {Map<string, string>} */
const arrived = new Map();

// Each stimulus is a script that calls this: from file:// a page may run a neighbouring script, but not fetch a file.
/**
 * @param {string} name
 * @param {string} _format
 * @param {string} base64
 */
function stimulus(name, _format, base64) {
  arrived.set(name, base64);
}

/** @param {string} name */
function runScript(name) {
  return /** @type {Promise<void>} */ (new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `stimuli/${name}.js`;
    script.onload = () => {
      script.remove();
      // A file that was cut short arrives, but doesn't get to its call.
      if (arrived.has(name)) resolve();
      else reject(new Error(`${script.src} is damaged`));
    };
    script.onerror = () => {
      script.remove();
      reject(new Error(`${script.src} can't be read`));
    };
    document.head.append(script);
  }));
}

/** @type {Map<string, Promise<AudioBuffer>>} */
const decoded = new Map();

// Resolves to the stimulus as an AudioBuffer. What failed is tried afresh when it is asked for again.
/** @param {string} name */
function loadStimulus(name) {
  if (!decoded.has(name)) {
    const loading = runScript(name).then(() => {
      const bytes = Uint8Array.from(atob(arrived.get(name)), (character) => character.charCodeAt(0));
      arrived.delete(name);
      return audioContext().decodeAudioData(bytes.buffer);
    });
    loading.catch(() => decoded.delete(name));
    decoded.set(name, loading);
  }
  return decoded.get(name);
}

// Decoded sound is large: a phone can't hold that of a whole study.
/** @param {string[]} names */
function forgetAllBut(names) {
  for (const name of decoded.keys()) if (!names.includes(name)) decoded.delete(name);
}

// Three soft beeps of `frequency` Hz, or as long a silence for 0.
/** @param {number} frequency */
function beeps(frequency) {
  const [beep, gap, fade, amplitude] = [0.45, 0.2, 0.05, 0.05];
  const buffer = audioContext().createBuffer(1, Math.round(3 * (beep + gap) * SAMPLING_RATE), SAMPLING_RATE);
  const samples = buffer.getChannelData(0);
  for (let i = 0; frequency && i < samples.length; i++) {
    const time = i / SAMPLING_RATE;
    const inside = time % (beep + gap);
    // Slow raised-cosine flanks: a hard edge would click, and the click be heard instead of the tone.
    const flank = Math.min(1, Math.max(0, Math.min(inside, beep - inside) / fade));
    samples[i] = amplitude * (0.5 - 0.5 * Math.cos(Math.PI * flank)) * Math.sin(2 * Math.PI * frequency * time);
  }
  return buffer;
}

// `count` levels from 0 to 1, of all sides together: what is drawn must not tell the sides apart.
/**
 * @param {AudioBuffer[]} buffers
 * @param {number} count
 */
function outline(buffers, count) {
  const levels = Array(count).fill(0);
  for (const buffer of buffers) {
    const samples = buffer.getChannelData(0);
    const step = samples.length / count;
    for (let bar = 0; bar < count; bar++) {
      let energy = 0;
      const [from, to] = [Math.floor(bar * step), Math.floor((bar + 1) * step)];
      for (let i = from; i < to; i++) energy += samples[i] ** 2;
      levels[bar] += Math.sqrt(energy / Math.max(1, to - from));
    }
  }
  const loudest = Math.max(...levels) || 1;
  return levels.map((level) => level / loudest);
}

// A part of a buffer with short fades, so that it repeats without a click.
/**
 * @param {AudioBuffer} buffer
 * @param {number} start
 * @param {number} end
 */
function part(buffer, start, end) {
  const [from, to] = [start, end].map((time) => Math.round(time * buffer.sampleRate));
  const cut = new AudioBuffer({
    numberOfChannels: buffer.numberOfChannels,
    length: to - from,
    sampleRate: buffer.sampleRate,
  });
  const fade = Math.round(0.005 * buffer.sampleRate);
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    const samples = buffer.getChannelData(channel).slice(from, to);
    for (let i = 0; i < fade; i++) {
      samples[i] *= i / fade;
      samples[samples.length - 1 - i] *= i / fade;
    }
    cut.copyToChannel(samples, channel);
  }
  return cut;
}

// One or two sounds, of which one is heard. `onChange` is called when playing begins or ends.
class Player {
  /**
   * @param {Partial<Record<Side, AudioBuffer>>} buffers
   * @param {() => void} onChange
   */
  constructor(buffers, onChange) {
    this.buffers = buffers;
    this.onChange = onChange;
    this.duration = Math.min(...Object.values(buffers).map((buffer) => buffer.duration));
    /** @type {Side} */
    this.side = "a";
    this.switches = 0;
    this.seconds = { a: 0, b: 0 };
    this.playing = false;
    this.repeats = false;
    /** @type {Region | null} */
    this.loop = null;
    this.offset = 0;
    /** @type {Partial<Record<Side, { source: AudioBufferSourceNode, gain: AudioParam }>>} */
    this.voices = {};
    // Times of the context in s: when playing began, when it ends, and up to when it is counted as heard.
    this.startedAt = this.endsAt = this.countedTo = 0;
  }

  /** @returns {Region} */
  get bounds() {
    return this.loop ?? [0, this.duration];
  }

  get position() {
    if (!this.playing) return this.offset;
    const [start, end] = this.bounds;
    const reached = this.offset - start + Math.max(0, audioContext().currentTime - this.startedAt);
    return start + (this.circles ? reached % (end - start) : Math.min(reached, end - start));
  }

  get circles() {
    return this.repeats || this.loop !== null;
  }

  // Seconds that each side has been heard so far.
  get heard() {
    this.count();
    return this.seconds;
  }

  count() {
    if (!this.playing) return;
    const now = Math.min(audioContext().currentTime, this.endsAt);
    this.seconds[this.side] += Math.max(0, now - this.countedTo);
    this.countedTo = Math.max(now, this.countedTo);
  }

  play() {
    if (this.playing) return;
    // Browsers hold sound back until the page has been clicked.
    audioContext().resume();
    const [start, end] = this.bounds;
    if (this.offset < start || this.offset > end - 0.01) this.offset = start;
    this.startedAt = this.countedTo = audioContext().currentTime + AHEAD_S;
    this.endsAt = this.circles ? Infinity : this.startedAt + end - this.offset;
    this.voices = {};
    for (const [side, buffer] of /** @type {[Side, AudioBuffer][]} */ (Object.entries(this.buffers))) {
      const source = new AudioBufferSourceNode(audioContext(), {
        buffer: this.loop ? part(buffer, start, end) : buffer,
        loop: this.circles,
        loopEnd: this.loop ? 0 : this.duration,
      });
      const gain = new GainNode(audioContext(), { gain: 0 });
      gain.gain.setValueAtTime(0, this.startedAt);
      gain.gain.linearRampToValueAtTime(side === this.side ? 1 : 0, this.startedAt + SWITCH_S);
      source.connect(gain).connect(audioContext().destination);
      source.start(this.startedAt, this.offset - start);
      this.voices[side] = { source, gain: gain.gain };
    }
    this.voices.a.source.onended = () => {
      this.stop();
      this.offset = this.bounds[0];
      this.onChange();
    };
    this.playing = true;
    this.onChange();
  }

  pause() {
    this.stop();
    this.onChange();
  }

  stop() {
    if (!this.playing) return;
    this.count();
    this.offset = this.position;
    this.playing = false;
    const now = audioContext().currentTime;
    for (const { source, gain } of Object.values(this.voices)) {
      source.onended = null;
      this.fade(gain, 0, now);
      source.stop(now + 2 * SWITCH_S);
    }
  }

  /** @param {Side} side */
  choose(side) {
    if (side === this.side) return;
    this.count();
    this.switches += 1;
    this.side = side;
    if (!this.playing) return;
    const now = audioContext().currentTime;
    for (const [name, { gain }] of Object.entries(this.voices)) this.fade(gain, name === side ? 1 : 0, now);
  }

  /**
   * @param {AudioParam} gain
   * @param {number} target
   * @param {number} now
   */
  fade(gain, target, now) {
    const level = gain.value;
    gain.cancelScheduledValues(now);
    gain.setValueAtTime(level, now);
    gain.linearRampToValueAtTime(target, now + SWITCH_S);
  }

  // Does something to a player that stands still, and goes on playing if it played.
  /** @param {() => void} action */
  change(action) {
    const played = this.playing;
    this.stop();
    action();
    if (played) this.play();
    else this.onChange();
  }

  /** @param {number} time */
  seek(time) {
    const [start, end] = this.bounds;
    this.change(() => (this.offset = Math.min(Math.max(time, start), end)));
  }

  /** @param {boolean} repeats */
  setRepeat(repeats) {
    this.change(() => (this.repeats = repeats));
  }

  // `loop` is a start and an end in s, or null for the whole sound.
  /** @param {Region | null} loop */
  setLoop(loop) {
    this.change(() => {
      this.loop = loop;
      if (loop && (this.offset < loop[0] || this.offset > loop[1])) this.offset = loop[0];
    });
  }
}

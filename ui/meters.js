// @ts-check
// Levels are pulled, at most 30 times a second, and only while somebody can see them move.
/** @import {Levels} from './types' */
import { byId } from './dom.js';
import { levels } from './ipc.js';
import { loudness } from './words.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {{input: number, output: number, clipped: boolean}} Loudness 0…1 */

const PERIOD_MS = 1000 / 30;
const FALL = 0.8;

/** @param {App} app */
export function meters(app) {
  const talk = byId('talk');
  const [input, output] = ['input', 'output'].map((name) => /** @type {HTMLElement} */ (byId('meters').querySelector(`.${name}`)));
  /** @type {Set<(now: Loudness) => void>} */
  const listeners = new Set();
  /** @type {Loudness} */
  let now = { input: 0, output: 0, clipped: false };
  let isRunning = false;
  let isAsking = false;
  let last = 0;

  const isNeeded = () => !document.hidden
    && (app.snapshot.call.link.state !== 'idle' || app.snapshot.call.is_armed || isChecking(app));

  /** @param {number} time */
  function frame(time) {
    if (!isNeeded()) { isRunning = false; return show({ input: 0, output: 0, clipped: false }); }
    requestAnimationFrame(frame);
    // Half a frame of tolerance, or a 60 Hz screen would be asked at 20 Hz.
    if (isAsking || time - last < PERIOD_MS - 8) return;
    last = time;
    isAsking = true;
    levels().then(heard, () => {}).finally(() => { isAsking = false; });
  }

  /** @param {Levels} fresh */
  function heard(fresh) {
    show({ input: fallen(now.input, loudness(fresh.input)), output: fallen(now.output, loudness(fresh.output)), clipped: fresh.clipped });
  }

  /** @param {Loudness} next */
  function show(next) {
    now = next;
    level(input, next.input);
    level(output, next.output);
    input.classList.toggle('clipped', next.clipped);
    level(talk, app.snapshot.call.talk === 'speaking' ? next.output : next.input);
    for (const listener of listeners) listener(next);
  }

  function draw() {
    if (isRunning || !isNeeded()) return;
    isRunning = true;
    requestAnimationFrame(frame);
  }

  document.addEventListener('visibilitychange', draw);
  return {
    draw,
    /** @param {(now: Loudness) => void} listener */
    listen(listener) { listeners.add(listener); },
  };
}

/** @param {App} app */
function isChecking(app) {
  const check = app.snapshot.sound_check;
  return check !== null && check.phase !== 'done';
}

/** Rises at once and falls slowly, as the eye expects. @param {number} before @param {number} fresh */
const fallen = (before, fresh) => Math.max(fresh, before * FALL);

/** @param {HTMLElement} element @param {number} value 0…1 */
export function level(element, value) {
  element.style.setProperty('--level', value.toFixed(2));
}

// @ts-check
// Levels are pulled 20 times a second, and only while somebody can see them move; each pull costs the web engine dear.
/** @import {Levels} from './types' */
import { byId } from './dom.js';
import { levels } from './ipc.js';
import { loudness } from './words.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {{input: number, output: number, clipped: boolean}} Loudness 0…1 */

const PERIOD_MS = 50;
const FALL = 0.72;

/** @param {App} app */
export function meters(app) {
  const talk = byId('talk');
  const [input, output] = ['input', 'output'].map((name) => /** @type {HTMLElement} */ (byId('meters').querySelector(`.${name}`)));
  /** @type {Set<(now: Loudness) => void>} */
  const listeners = new Set();
  /** @type {Loudness} */
  let now = { input: 0, output: 0, clipped: false };
  let isRunning = false;

  const isNeeded = () => !document.hidden
    && (app.snapshot.call.link.state !== 'idle' || app.snapshot.call.is_armed || isChecking(app));

  async function run() {
    while (isNeeded()) {
      await levels().then(heard, () => {});
      await new Promise((resolve) => { setTimeout(resolve, PERIOD_MS); });
    }
    isRunning = false;
    show({ input: 0, output: 0, clipped: false });
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
    void run();
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
  const text = value.toFixed(2);
  // A property that is set again is painted again, even when nothing changed.
  if (element.style.getPropertyValue('--level') !== text) element.style.setProperty('--level', text);
}

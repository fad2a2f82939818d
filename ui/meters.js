// @ts-check
// Levels are pulled at most 20 times a second, and only when there is something new to see: each pull costs the web
// engine dear. What falls goes on falling without being pulled.
/** @import {Levels} from './types' */
import { byId } from './dom.js';
import { levels } from './ipc.js';
import { loudness } from './words.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {{input: number, output: number, clipped: boolean}} Loudness 0…1 */

const PERIOD_MS = 50;
const FALL = 0.72;
/** A step that nobody sees. */
const STILL = 0.01;

/** @param {App} app */
export function meters(app) {
  const talk = byId('talk');
  const [input, output] = ['input', 'output'].map((name) => /** @type {HTMLElement} */ (byId('meters').querySelector(`.${name}`)));
  /** @type {Set<(now: Loudness) => void>} */
  const listeners = new Set();
  /** @type {Loudness} */
  let now = { input: 0, output: 0, clipped: false };
  let isRunning = false;
  /** @type {Levels | null} */
  let latest = null;
  /** @type {ReturnType<typeof setTimeout> | null} */
  let falling = null;

  const isNeeded = () => !document.hidden
    && (app.snapshot.call.link.state !== 'idle' || app.snapshot.call.is_armed || isChecking(app));

  async function run() {
    while (isNeeded()) {
      latest = await levels(latest).catch(() => null);
      fall();
      await pause();
    }
    isRunning = false;
    latest = null;
    show({ input: 0, output: 0, clipped: false });
  }

  /** One step towards the latest levels, and the next one soon if that was not all of the way. */
  function fall() {
    if (latest === null || falling !== null) return;
    const [input, output] = [loudness(latest.input), loudness(latest.output)];
    show({ input: fallen(now.input, input), output: fallen(now.output, output), clipped: latest.clipped });
    if (now.input - input < STILL && now.output - output < STILL) return;
    falling = setTimeout(() => { falling = null; fall(); }, PERIOD_MS);
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

const pause = () => new Promise((resolve) => { setTimeout(resolve, PERIOD_MS); });

/** Rises at once and falls slowly, as the eye expects. @param {number} before @param {number} fresh */
const fallen = (before, fresh) => Math.max(fresh, before * FALL);

/** @param {HTMLElement} element @param {number} value 0…1 */
export function level(element, value) {
  const text = value.toFixed(2);
  // A property that is set again is painted again, even when nothing changed.
  if (element.style.getPropertyValue('--level') !== text) element.style.setProperty('--level', text);
}

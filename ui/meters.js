// @ts-check
// Levels come at most 12 times a second, and only when there is something new to see: each one costs the web engine
// dear. What falls goes on falling by itself.
/** @import {Levels} from './types' */
import { byId } from './dom.js';
import { aura, bar } from './gauge.js';
import { levels } from './ipc.js';
import { loudness } from './words.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {{input: number, output: number, clipped: boolean}} Loudness 0…1 */

const PERIOD_MS = 80;
const FALL = 0.6;
/** A step that nobody sees. */
const STILL = 0.01;

/** @param {App} app */
export function meters(app) {
  const isStill = matchMedia('(prefers-reduced-motion: reduce)');
  const [input, output] = ['input', 'output'].map((name) => bar(/** @type {HTMLCanvasElement} */ (byId('meters').querySelector(`.${name}`))));
  const rings = aura(byId('aura'), () => app.snapshot.call.talk);
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
    while (isNeeded()) await levels(take).catch(pause);
    isRunning = false;
    rest();
  }

  /** @param {Levels} next */
  function take(next) {
    if (!isNeeded()) return;
    latest = next;
    fall();
  }

  function rest() {
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
    if (input.element.classList.contains('clipped') !== next.clipped) {
      input.element.classList.toggle('clipped', next.clipped);
      input.draw();
    }
    input.show(next.input);
    output.show(next.output);
    showRings();
    for (const listener of listeners) listener(next);
  }

  function showRings() {
    rings.show(isStill.matches ? 0.5 : app.snapshot.call.talk === 'speaking' ? now.output : now.input);
  }

  /** In the colours of now. */
  function paint() {
    for (const gauge of [input, output, rings]) gauge.draw();
    showRings();
  }

  let painted = '';
  function draw() {
    const look = `${app.snapshot.call.talk} ${app.snapshot.settings.appearance.theme} ${app.view}`;
    if (look !== painted) { painted = look; paint(); }
    if (!isNeeded()) return latest && rest();
    if (isRunning) return;
    isRunning = true;
    void run();
  }

  document.addEventListener('visibilitychange', draw);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paint);
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

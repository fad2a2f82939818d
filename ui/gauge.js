// @ts-check
// Pictures that follow the sound, each a canvas: a level that changes many times a second paints a few pixels and
// touches neither style nor layout, which cost the web engine dear and which it keeps in memory.
import { h } from './dom.js';

/** Steps that a bar can be filled by; the page stretches it. */
const STEPS = 112;
/** Edge of the picture around the talk button, and the radius of the button, CSS px. */
const EDGE = 120;
const RADIUS = 42;
/** Rings around the button while it listens: how strong, how far at rest, how much farther at full level. */
const RINGS = [[0.11, 0.14, 0.22], [0.22, 0.07, 0.08]];
/** Height of the bars of an answer against one another. */
const PARTS = [0.45, 0.78, 1, 0.78, 0.45];
const BAR = { width: 4, step: 9, height: 36, least: 0.16 };

/** @typedef {{element: HTMLCanvasElement, show: (value: number) => void, draw: () => void}} Gauge */

/** @param {HTMLCanvasElement} canvas */
const pen = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }));

/** A bar that is filled from the left; its colour is that of its text. @param {HTMLCanvasElement} [element] @returns {Gauge} */
export function bar(element = h('canvas')) {
  element.width = STEPS;
  element.height = 1;
  const context = pen(element);
  let shown = -1;
  let colour = '';
  /** @param {number} value 0…1 */
  function show(value) {
    const width = Math.round(value * STEPS);
    if (width === shown) return;
    shown = width;
    context.clearRect(0, 0, STEPS, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, width, 1);
  }
  return {
    element,
    show,
    draw() {
      const next = getComputedStyle(element).color;
      if (next === colour) return;
      colour = next;
      const value = Math.max(0, shown) / STEPS;
      shown = -1;
      show(value);
    },
  };
}

/** Rings around the talk button while it listens, bars in it while an answer is heard. @param {HTMLCanvasElement} element @param {() => string} state @returns {Gauge} */
export function aura(element, state) {
  const context = pen(element);
  let shown = '';
  let colour = '';
  let last = 0;

  /** @param {number} value 0…1 */
  function show(value) {
    last = value;
    const now = `${state()} ${value.toFixed(2)}`;
    if (now === shown) return;
    const isEmpty = !/^(listening|speaking)/.test(now);
    if (isEmpty && !/^(listening|speaking)/.test(shown)) { shown = now; return; }
    shown = now;
    context.clearRect(0, 0, EDGE, EDGE);
    if (isEmpty) return;
    if (state() === 'listening') rings(value); else bars(value);
  }

  /** @param {number} value */
  function rings(value) {
    context.fillStyle = colour;
    for (const [strength, rest, reach] of RINGS) {
      context.globalAlpha = strength;
      context.beginPath();
      context.arc(EDGE / 2, EDGE / 2, RADIUS * (1 + rest + reach * value), 0, 2 * Math.PI);
      // The button itself stays free; the edges lie over one another, in one colour.
      context.arc(EDGE / 2, EDGE / 2, RADIUS - 1, 0, 2 * Math.PI, true);
      context.fill('evenodd');
    }
    context.globalAlpha = 1;
  }

  /** @param {number} value */
  function bars(value) {
    context.fillStyle = colour;
    const left = EDGE / 2 - (BAR.step * (PARTS.length - 1) + BAR.width) / 2;
    for (const [at, part] of PARTS.entries()) {
      const height = BAR.height * (BAR.least + (1 - BAR.least) * value * part);
      context.beginPath();
      context.roundRect(left + at * BAR.step, (EDGE - height) / 2, BAR.width, height, BAR.width / 2);
      context.fill();
    }
  }

  return {
    element,
    show,
    draw() {
      colour = getComputedStyle(element).color;
      shown = '';
      // As fine as the screen, no finer. New sizes clear it.
      const fine = Math.min(3, Math.max(1, devicePixelRatio));
      element.width = EDGE * fine;
      element.height = EDGE * fine;
      context.setTransform(fine, 0, 0, fine, 0, 0);
      show(last);
    },
  };
}

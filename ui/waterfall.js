// @ts-check
// Where the time of a turn went: the figure under an answer, and behind it a picture in words and numbers.
/** @import {Item, Waterfall} from './types' */
import { h } from './dom.js';
import { latency } from './words.js';

/** A first sound after this time fills the bar of the figure, ms. */
const SLOW_MS = 2000;
/** Answers whose picture is open. @type {Set<string>} */
const opened = new Set();

/** @typedef {{step: string, words: string, from: number, to: number}} Segment a step, ms since the beginning */

/** The steps that happened, each from the end of the one before. @param {Waterfall} waterfall @returns {Segment[]} */
export function segments(waterfall) {
  const { is_typed, turn_end_ms, request_ms, first_delta_ms, first_sound_ms } = waterfall;
  /** @type {[string, string, number | null][]} */
  const steps = [
    ['end', 'Your turn ended', turn_end_ms],
    ['request', is_typed ? 'Your message was sent' : 'The answer was asked for', request_ms],
    ['delta', 'Its first piece came', first_delta_ms],
    ['sound', 'You heard it', first_sound_ms],
  ];
  let from = 0;
  return steps.flatMap(([step, words, at]) => {
    if (at === null) return [];
    const segment = { step, words, from, to: at };
    from = at;
    return [segment];
  });
}

/** @param {Item} item */
const key = (item) => `${item.id} ${item.at}`;
/** @param {Item} item */
const idOf = (item) => `waterfall-${item.id}`;

/** What is said under an answer, with a small bar; a click opens the picture. @param {Item} item */
export function figure(item) {
  const { waterfall } = item;
  if (!waterfall) return null;
  const ms = waterfall.first_sound_ms ?? waterfall.first_delta_ms ?? 0;
  const bar = h('i');
  bar.style.setProperty('--share', `${Math.min(100, Math.round((ms / SLOW_MS) * 100))}%`);
  const what = waterfall.first_sound_ms === null ? 'to first word' : 'to first sound';
  const button = h('button', {
    type: 'button', class: 'pair figure', title: 'Where the time went', 'aria-controls': idOf(item), 'aria-expanded': String(opened.has(key(item))),
    onclick: () => {
      const isOpen = !opened.delete(key(item));
      if (isOpen) opened.add(key(item));
      button.setAttribute('aria-expanded', String(isOpen));
      const picture = document.getElementById(idOf(item));
      if (picture) picture.hidden = !isOpen;
    },
  }, h('span', { class: 'lag', 'aria-hidden': 'true' }, bar), `${latency(ms)} ${what}`);
  return button;
}

/** What the picture begins with, and why it may be a long one. @param {Waterfall} waterfall */
export function caption({ is_typed, supply }) {
  const since = is_typed ? 'Since you sent your message' : 'Since the microphone last heard your voice';
  return supply === 'cold' ? `${since}; the connection had to be opened first` : since;
}

/** The picture: a table whose rows are bars one after another. @param {Item} item */
export function picture(item) {
  const { waterfall } = item;
  if (!waterfall) return null;
  const steps = segments(waterfall);
  const whole = Math.max(1, steps.at(-1)?.to ?? 1);
  const rows = steps.map(({ step, words, from, to }) => {
    const bar = h('i', { class: step });
    bar.style.setProperty('--from', `${(from / whole) * 100}%`);
    bar.style.setProperty('--share', `${((to - from) / whole) * 100}%`);
    return h('tr', {}, h('th', { scope: 'row' }, words), h('td', { class: 'track', 'aria-hidden': 'true' }, bar),
      h('td', {}, `+${latency(to - from)}`), h('td', {}, latency(to)));
  });
  return h('table', { class: 'waterfall', id: idOf(item), hidden: !opened.has(key(item)) },
    h('caption', {}, caption(waterfall)),
    h('thead', { class: 'unseen' }, h('tr', {}, h('th', { scope: 'col' }, 'Step'), h('td', { 'aria-hidden': 'true' }), h('th', { scope: 'col' }, 'Took'), h('th', { scope: 'col' }, 'After'))),
    h('tbody', {}, ...rows));
}

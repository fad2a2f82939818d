// @ts-check
// The fallbacks: who else may be asked, in an order that can be changed.
/** @import {Target} from './types' */
import { fill, h, icon } from './dom.js';
import { providerName } from './failures.js';

/** @typedef {import('./main.js').App} App */

/** The list with one entry a place earlier or later. @template T @param {T[]} list @param {number} at @param {number} by @returns {T[]} */
export function moved(list, at, by) {
  const to = at + by;
  if (to < 0 || to >= list.length) return list;
  const next = [...list];
  [next[at], next[to]] = [next[to], next[at]];
  return next;
}

/** @param {App} app @returns {import('./fields.js').Part} */
export function fallbackList(app) {
  const list = h('ol', { class: 'fallbacks', 'aria-label': 'Fallbacks' });
  const none = h('p', { class: 'note' }, 'None. With the switch below, any provider with a key stands in with its usual model; without it you are told when the chosen model fails.');
  const add = h('button', { type: 'button', class: 'button small', onclick: () => app.picker.openFor('Add a fallback', (target) => keep([...app.snapshot.settings.chat.fallback, target])) }, icon('plus'), 'Add');
  const element = h('div', { class: 'row wide' }, h('div', { class: 'row-words' }, h('span', { class: 'label' }, 'Fallbacks'),
    h('p', { class: 'about' }, 'Asked in this order when the one before fails before its first word. The answer tells who gave it.')), list, none, h('div', {}, add));
  let drawn = '';
  /** @param {Target[]} fallback */
  const keep = (fallback) => app.configure({ chat: { fallback } });
  return {
    element,
    draw() {
      const { fallback } = app.snapshot.settings.chat;
      const now = JSON.stringify([fallback, app.snapshot.providers.length]);
      if (now === drawn) return;
      drawn = now;
      none.hidden = fallback.length > 0;
      fill(list, ...fallback.map((target, at) => {
        const tool = (/** @type {string} */ name, /** @type {string} */ words, /** @type {() => void} */ act, isOff = false) =>
          h('button', { type: 'button', class: 'tool', 'aria-label': `${words} ${target.model}`, title: words, disabled: isOff, onclick: act }, icon(name));
        return h('li', {}, h('span', { class: 'device-name' }, h('b', {}, target.model), h('span', { class: 'note' }, ` ${providerName(app.snapshot, target.provider)}`)),
          tool('up', 'Earlier:', () => keep(moved(fallback, at, -1)), at === 0),
          tool('down', 'Later:', () => keep(moved(fallback, at, 1)), at === fallback.length - 1),
          tool('close', 'Remove', () => keep(fallback.filter((_, other) => other !== at))));
      }));
    },
  };
}

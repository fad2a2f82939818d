// @ts-check
// What is different for single providers of text: which way their requests go, and how many a minute.
/** @import {ChatProvider, ProviderTerms, Settings} from './types' */
import { fill, h } from './dom.js';
import { number, select } from './fields.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {import('./fields.js').Part} Part */

/** @param {Settings} settings @param {string} id @returns {ProviderTerms} */
export const termsOf = ({ chat }, id) => chat.terms.find(({ provider }) => provider === id) ?? { provider: id, way: null, requests_per_minute: 0 };

/** All terms with some of one provider changed; those that say nothing any more are taken out. @param {Settings} settings @param {string} id @param {Partial<ProviderTerms>} change @returns {ProviderTerms[]} */
export function withTerms(settings, id, change) {
  const terms = { ...termsOf(settings, id), ...change };
  const others = settings.chat.terms.filter(({ provider }) => provider !== id);
  return terms.way || terms.requests_per_minute > 0 ? [...others, terms] : others;
}

/** Whether anything goes through the gateway. @param {Settings} settings */
export const usesGateway = ({ chat }) => chat.way !== 'direct' || chat.terms.some(({ way }) => way && way !== 'direct');

/** Whether anything goes through it with keys that are stored there. @param {Settings} settings */
export const usesStoredKeys = ({ chat }) => chat.way === 'stored_key' || chat.terms.some(({ way }) => way === 'stored_key');

/** @param {App} app @param {ChatProvider} provider @returns {Part[]} */
function rows(app, { id, name }) {
  /** @param {Settings} settings @param {Partial<ProviderTerms>} change */
  const write = (settings, change) => ({ chat: { terms: withTerms(settings, id, change) } });
  return [
    select(app, { label: `${name}: way`, about: '', path: ['chat', 'terms', id, 'way'],
      options: [['', 'As set under Text'], ['direct', 'Direct'], ['gateway', 'Gateway'], ['stored_key', 'Gateway, its key']],
      at: { read: (settings) => termsOf(settings, id).way ?? '', write: (settings, way) => write(settings, { way: way || null }) } }),
    number(app, { label: `${name}: requests a minute`, about: '', path: ['chat', 'terms', id, 'requests_per_minute'], least: 0, most: 100_000, step: 1, none: 0, placeholder: 'As the rest',
      at: { read: (settings) => termsOf(settings, id).requests_per_minute, write: (settings, count) => write(settings, { requests_per_minute: count }) } }),
  ];
}

/** @param {App} app @returns {Part} */
export function termsFold(app) {
  const list = h('div');
  const element = h('details', { class: 'key-fold terms' }, h('summary', {}, h('h3', {}, 'Ways and limits of single providers')),
    h('p', { class: 'group-note' }, 'Where one provider shall be reached in another way than the rest, or has a limit of its own.'), list);
  /** @type {Part[]} */
  let parts = [];
  let drawn = '';
  return {
    element,
    draw() {
      const known = app.snapshot.providers.filter(({ usual_address, is_local }) => usual_address && !is_local);
      const now = known.map(({ id }) => id).join();
      if (now !== drawn) {
        drawn = now;
        parts = known.flatMap((provider) => rows(app, provider));
        fill(list, ...parts.map((part) => part.element));
      }
      for (const part of parts) part.draw();
    },
  };
}

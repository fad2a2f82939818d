// @ts-check
// Where providers are reached, for those who have a proxy or a server of their own in the place of one.
/** @import {ChatProvider, Settings} from './types' */
import { fill, h } from './dom.js';
import { addressFault, providerAddressFault } from './faults.js';
import { text } from './fields.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {import('./fields.js').Part} Part */

/** Voices and pictures: what is reached there, and where it is in the settings. @type {[string, string, string][]} */
const VOICES = [
  ['Gemini Live', 'google', 'base_url'], ['Deepgram ears and voices', 'deepgram', 'base_url'], ['Deepgram agent', 'deepgram', 'agent_base_url'],
  ['ElevenLabs', 'elevenlabs', 'base_url'], ['Cartesia', 'cartesia', 'base_url'], ['Voices on Workers AI', 'workers', 'base_url'], ['Pictures by fal', 'fal', 'base_url'],
];

/** The own address of a provider of text; empty: it has none. @param {Settings} settings @param {string} id */
export const addressOf = ({ chat }, id) => chat.addresses.find(({ provider }) => provider === id)?.url ?? '';

/** All own addresses with this one changed; an empty one is taken out. @param {Settings} settings @param {string} id @param {string} url */
export function withAddress({ chat }, id, url) {
  const others = chat.addresses.filter(({ provider }) => provider !== id);
  return url ? [...others, { provider: id, url }] : others;
}

/** @param {App} app @param {ChatProvider} provider @returns {Part} */
const textAddress = (app, { id, name, usual_address }) => text(app, {
  label: `${name}, text`, about: '', path: ['chat', 'addresses', id], placeholder: usual_address, isCode: true, fault: providerAddressFault,
  at: { read: (settings) => addressOf(settings, id), write: (settings, url) => ({ chat: { addresses: withAddress(settings, id, url) } }) },
});

/** @param {App} app @returns {Part} */
export function addressFold(app) {
  const voices = VOICES.map(([name, provider, field]) => text(app, { label: name, about: '', path: ['providers', provider, field], isCode: true, fault: addressFault }));
  const list = h('div');
  const element = h('details', { class: 'key-fold addresses' }, h('summary', {}, h('h3', {}, 'Addresses of providers')),
    h('p', { class: 'group-note' }, 'Only for a proxy, or a server of your own in the place of a provider. The provider’s key is sent there: encrypted, or to this computer, and nowhere else. An emptied field means the usual address.'),
    list, ...voices.map((part) => part.element));
  /** @type {Part[]} */
  let texts = [];
  let drawn = '';
  return {
    element,
    draw() {
      const known = app.snapshot.providers.filter(({ usual_address }) => usual_address);
      const now = known.map(({ id }) => id).join();
      if (now !== drawn) {
        drawn = now;
        texts = known.map((provider) => textAddress(app, provider));
        fill(list, ...texts.map((part) => part.element));
      }
      for (const part of [...texts, ...voices]) part.draw();
    },
  };
}

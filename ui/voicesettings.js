// @ts-check
// The picker of voices, and the settings of each.
/** @import {Provider, Settings} from './types' */
import { h, say } from './dom.js';
import { addressFault } from './faults.js';
import { number, select, text, toggle } from './fields.js';
import { VOICES, minuteWords, missingKey, serverChoices, voiceName } from './voices.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {import('./fields.js').Part} Part */

/** @type {Record<Settings['cascade']['ear'], string>} */
const EARS = { deepgram_flux: 'Deepgram Flux', deepgram_nova: 'Deepgram Nova', workers_flux: 'Flux on Workers AI', workers_nova: 'Nova on Workers AI', elevenlabs: 'ElevenLabs Scribe', cartesia: 'Cartesia Ink', openai: 'OpenAI transcription', local: 'My own server' };
/** @type {Record<Settings['cascade']['mouth'], string>} */
const MOUTHS = { deepgram_aura: 'Deepgram Aura or Flux', workers_aura: 'Aura on Workers AI', elevenlabs: 'ElevenLabs', cartesia: 'Cartesia Sonic', openai: 'OpenAI speech', local: 'My own server' };
const GEMINI_VOICES = ['Kore', 'Puck', 'Charon', 'Fenrir', 'Aoede', 'Leda', 'Orus', 'Zephyr'];
const LIVE_VOICES = ['marin', 'cedar', 'alloy', 'ash', 'ballad', 'beacon', 'cinder', 'coral', 'delta', 'echo', 'gleam', 'meridian', 'quartz', 'ripple', 'sage', 'shimmer', 'stone', 'tempo', 'verse', 'vesper', 'willow'];
/** Every open second counts. @type {Set<Provider>} */
const PAID_BY_TIME = new Set(/** @type {Provider[]} */ (['gpt_live', 'elevenlabs', 'deepgram']));

const of = (/** @type {Provider} */ provider) => (/** @type {Settings} */ s) => s.call.provider === provider;
/** @param {'ear' | 'mouth'} leg @param {string} name */
const cascade = (leg, name) => (/** @type {Settings} */ s) => s.call.provider === 'cascade' && s.cascade[leg] === name;

/** Cards in a group of radio buttons. @param {App} app @returns {Part} */
export function voicePicker(app) {
  const cards = /** @type {[Provider, import('./voices.js').Voice][]} */ (Object.entries(VOICES)).map(([provider, voice]) => {
    const input = h('input', { type: 'radio', name: 'voice', value: provider, 'aria-label': voice.name, onclick: () => app.configure({ call: { provider } }) });
    const price = h('span', { class: 'price' });
    const key = h('span', { class: 'key-missing' });
    const element = h('label', { class: 'voice-card', 'data-voice': provider }, input, h('b', {}, voice.name), h('span', { class: 'about' }, voice.words), h('span', { class: 'voice-facts' }, price, key));
    return { provider, input, price, key, element };
  });
  const element = h('div', { class: 'row wide', 'data-setting': 'call.provider' },
    h('div', { class: 'row-words' }, h('span', { class: 'label' }, 'Who answers'), h('p', { class: 'about' }, 'In the middle of a conversation too: it goes on with another voice where it stands.')),
    h('div', { class: 'voice-cards', role: 'radiogroup', 'aria-label': 'Who answers' }, ...cards.map((card) => card.element)));
  return {
    element,
    draw() {
      const { call, settings } = app.snapshot;
      for (const card of cards) {
        card.input.checked = settings.call.provider === card.provider;
        say(card.price, minuteWords(call, card.provider));
        say(card.key, missingKey(app.snapshot, card.provider) ? 'needs a key' : '');
      }
    },
  };
}

/** A button that lets the chosen voice say a sentence. @param {App} app @returns {Part} */
export function previewRow(app) {
  const button = h('button', { type: 'button', class: 'button', onclick: () => app.send({ do: 'preview_voice' }) }, 'Hear this voice');
  const element = h('div', { class: 'row' },
    h('div', { class: 'row-words' }, h('span', { class: 'label' }, 'Preview'), h('p', { class: 'about' }, 'One sentence, said by the voice as it is set here. It costs what a sentence costs.')),
    h('div', { class: 'row-control' }, button));
  return { element, draw() { button.disabled = app.snapshot.call.started_at !== null; } };
}

/** @param {App} app @returns {Part[]} */
export const voiceSettings = (app) => [
  text(app, { label: 'Gemini model', about: 'Any model of the Live API.', path: ['providers', 'google', 'model'], when: of('google'), isCode: true }),
  select(app, { label: 'Gemini voice', about: 'How the answer sounds, from the next connection on.', path: ['providers', 'google', 'voice'], when: of('google'), options: GEMINI_VOICES.map((name) => [name, name]) }),
  text(app, { label: 'GPT-Live model', about: 'Work that it hands on is done by your text model.', path: ['providers', 'gpt_live', 'model'], when: of('gpt_live'), isCode: true }),
  select(app, { label: 'GPT-Live voice', about: 'How the answer sounds, from the next connection on.', path: ['providers', 'gpt_live', 'voice'], when: of('gpt_live'), options: LIVE_VOICES.map((name) => [name, name[0].toUpperCase() + name.slice(1)]) }),
  text(app, { label: 'Agent id', about: 'From your ElevenLabs workspace. Voice and model are set there.', path: ['providers', 'elevenlabs', 'agent_id'], when: of('elevenlabs'), isCode: true }),
  toggle(app, { label: 'Give the agent my instructions', about: 'Only if its own settings at ElevenLabs allow that; else it refuses the call.', path: ['providers', 'elevenlabs', 'agent_overrides'], when: of('elevenlabs') }),
  text(app, { label: 'Agent’s text model', about: 'Provider and model as Deepgram names them.', path: ['providers', 'deepgram', 'agent_model'], when: of('deepgram'), isCode: true }),
  text(app, { label: 'Agent’s voice', about: 'An Aura voice of Deepgram.', path: ['providers', 'deepgram', 'voice'], when: of('deepgram'), isCode: true }),
  select(app, { label: 'Ears', about: 'What turns your words into text.', path: ['cascade', 'ear'], when: of('cascade'), options: Object.entries(EARS) }),
  text(app, { label: 'Text model', about: 'As provider/model. Empty: the model of the text pane.', path: ['cascade', 'brain'], when: of('cascade'), placeholder: 'openai/gpt-5-mini', isCode: true }),
  select(app, { label: 'Voice', about: 'What reads the answer aloud.', path: ['cascade', 'mouth'], when: of('cascade'), options: Object.entries(MOUTHS) }),
  text(app, { label: 'Deepgram ears', about: 'Model that listens.', path: ['providers', 'deepgram', 'flux_model'], when: cascade('ear', 'deepgram_flux'), isCode: true }),
  text(app, { label: 'Deepgram voice', about: 'Model that speaks: aura-2-… and flux-… name the voice.', path: ['providers', 'deepgram', 'voice'], when: cascade('mouth', 'deepgram_aura'), isCode: true }),
  text(app, { label: 'ElevenLabs voice', about: 'Id of the voice.', path: ['providers', 'elevenlabs', 'voice'], when: cascade('mouth', 'elevenlabs'), isCode: true }),
  text(app, { label: 'ElevenLabs model', about: 'Flash answers soonest.', path: ['providers', 'elevenlabs', 'model'], when: cascade('mouth', 'elevenlabs'), isCode: true }),
  text(app, { label: 'Cartesia voice', about: 'Id of the voice.', path: ['providers', 'cartesia', 'voice'], when: cascade('mouth', 'cartesia'), isCode: true }),
  text(app, { label: 'OpenAI voice', about: 'Name of the voice.', path: ['cascade', 'openai_voice'], when: cascade('mouth', 'openai'), isCode: true }),
  text(app, { label: 'Address of my speech server', about: 'Speaks OpenAI’s /v1/audio. It gets no key.', path: ['cascade', 'local_base_url'], when: (s) => of('cascade')(s) && (s.cascade.ear === 'local' || s.cascade.mouth === 'local'), placeholder: 'http://localhost:8000/v1', isCode: true, fault: addressFault }),
  text(app, { label: 'Its ears', about: 'Model that listens.', path: ['cascade', 'local_ear_model'], when: cascade('ear', 'local'), isCode: true }),
  text(app, { label: 'Its voice', about: 'Name of the voice.', path: ['cascade', 'local_voice'], when: cascade('mouth', 'local'), isCode: true }),
  number(app, { label: 'Hang up when nobody speaks', about: 'This voice is paid by the second or minute, silent or muted ones too. Empty: never.', path: ['call', 'idle_hang_up_s'], when: (s) => PAID_BY_TIME.has(s.call.provider), least: 30, most: 7200, step: 30, none: 0, unit: 'seconds', placeholder: 'Never' }),
  previewRow(app),
];

/** When a voice fails, who goes on. @param {App} app @returns {Part} */
export function standInRow(app) {
  const picker = h('select', { 'aria-label': 'Add a voice', onchange: () => add(/** @type {Provider} */ (picker.value)) });
  const list = h('ol', { class: 'stand-ins', 'aria-label': 'Voices that stand in' });
  const chosen = () => app.snapshot.settings.call.stand_ins;
  const keep = (/** @type {Provider[]} */ standIns) => app.configure({ call: { stand_ins: standIns } });
  const add = (/** @type {Provider} */ provider) => { if (provider) keep([...chosen(), provider]); };
  const element = h('div', { class: 'row', 'data-setting': 'call.stand_ins' },
    h('div', { class: 'row-words' }, h('span', { class: 'label' }, 'When it fails, go on with'), h('p', { class: 'about' }, 'No key, no credit, too many requests: the next one takes over with the whole conversation. It hears what was said. When a budget is spent, only one that costs nothing does.')),
    h('div', { class: 'row-control' }, list, picker));
  let shown = '';
  return {
    element,
    draw() {
      const signature = JSON.stringify(chosen());
      if (signature === shown) return;
      shown = signature;
      list.replaceChildren(...chosen().map((provider) => h('li', {}, voiceName(provider),
        h('button', { type: 'button', class: 'button small', 'aria-label': `Remove ${voiceName(provider)}`, onclick: () => keep(chosen().filter((one) => one !== provider)) }, 'Remove'))));
      const left = /** @type {Provider[]} */ (Object.keys(VOICES)).filter((provider) => !chosen().includes(provider));
      picker.replaceChildren(h('option', { value: '' }, chosen().length ? 'And then…' : 'Nobody'), ...left.map((provider) => h('option', { value: provider }, voiceName(provider))));
    },
  };
}

/** Voice servers of this computer, looked for when the user wants to. @param {App} app @returns {Part} */
export function serversRow(app) {
  const list = h('ul', { class: 'stand-ins', 'aria-label': 'Voice servers on this computer' });
  const words = h('p', { class: 'about', role: 'status' });
  const look = h('button', {
    type: 'button', class: 'button', onclick: () => {
      look.disabled = true;
      say(words, 'Looking…');
      app.send({ do: 'find_voice_servers' });
    },
  }, 'Look for servers');
  const element = h('div', { class: 'row', 'data-setting': 'voice_servers' },
    h('div', { class: 'row-words' }, h('span', { class: 'label' }, 'Servers on this computer'), h('p', { class: 'about' }, 'Realtime and speech servers on their usual ports, such as LocalAI, Speaches or speech-to-speech. They are looked for without a key, and cost nothing.'), words),
    h('div', { class: 'row-control' }, list, look));
  /** @type {unknown} */
  let shown = null;
  return {
    element,
    draw() {
      const servers = app.snapshot.voice_servers;
      if (servers === shown || servers === null) return;
      shown = servers;
      look.disabled = false;
      say(words, servers.length === 0 ? 'None was found. One with another port can be set under Gateway and routing, or as part of your own mix.' : '');
      list.replaceChildren(...servers.map((server) => h('li', {}, `${server.name}, port ${new URL(server.address).port}`,
        ...serverChoices(server).map(([label, patch]) => h('button', { type: 'button', class: 'button small', 'aria-label': `${label}: ${server.name}`, onclick: () => app.configure(patch) }, label)))));
    },
  };
}

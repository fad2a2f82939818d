// @ts-check
// Pictures: the wish for one in the composer, and the picture in the timeline.
/** @import {ChatFailure, ChatMessage, Shape} from './types' */
import { pictureUrl } from './attachments.js';
import { announce, fill, h, icon } from './dom.js';
import { exact } from './money.js';
import { seconds } from './words.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {[string, string, string, (app: App, message: ChatMessage) => void]} Line what happened, what to do, one button */

/** What begins a wish for a picture. */
export const WISH = '/image';

/** What is to be drawn; null: the text is no wish for a picture. @param {string} text */
export function wishOf(text) {
  const found = /^\/image(?:\s+(.*))?$/s.exec(text.trim());
  return found && (found[1] ?? '').trim();
}

/** Whether a text can become a wish: `/`, `/i`, …, `/image`. @param {string} text */
export const beginsWish = (text) => text.startsWith('/') && WISH.startsWith(text);

/** @type {[Shape, string][]} */
const SHAPES = [['square', 'Square'], ['landscape', 'Landscape'], ['portrait', 'Portrait']];

/** Radio buttons for the shape of the next picture; the last choice stays until the window is closed. @param {HTMLElement} group @param {() => void} chosen what follows a click */
export function shapePicker(group, chosen) {
  const inputs = SHAPES.map(([value, words]) => {
    // The arrow keys click too, and stay here.
    const input = h('input', { type: 'radio', name: 'wish-shape', value, onclick: (/** @type {MouseEvent} */ event) => { if (event.detail > 0) chosen(); } });
    return { value, input, element: h('label', {}, input, h('span', {}, words)) };
  });
  fill(group, ...inputs.map(({ element }) => element));
  const choose = (/** @type {Shape} */ shape) => inputs.forEach(({ value, input }) => { input.checked = value === shape; });
  choose('square');
  return { choose, shape: () => inputs.find(({ input }) => input.checked)?.value ?? 'square' };
}

const again = (/** @type {App} */ app, /** @type {ChatMessage} */ message) => app.send({ do: 'regenerate', message: message.id });
const otherwise = (/** @type {App} */ app, /** @type {ChatMessage} */ message) => app.composer.write(`${WISH} ${message.text}`, message.picture);

/** @type {Record<ChatFailure['kind'], Line>} */
const TABLE = {
  credential: ['There is no fal key, or fal did not accept it.', 'Pictures are made by fal, with a key of your own.', 'Open keys', (app) => app.openSettings('keys', 'fal')],
  quota: ['This fal account has no credit left.', 'Add credit at fal, then try again.', 'Try again', again],
  rate_limited: ['fal is limiting requests.', 'Wait a moment, then try again.', 'Try again', again],
  model: ['fal does not have the app that should make pictures.', 'Correct its id in the settings, then try again.', 'Open settings', (app) => app.openSettings('text')],
  address: ['There is nothing at the address of fal.', 'Correct it in the settings, then try again.', 'Open settings', (app) => app.openSettings('text')],
  too_long: ['The description is too long.', 'Say it in fewer words.', 'Change the words', otherwise],
  invalid: ['fal could not read this request.', 'Other words, or another app, may help.', 'Change the words', otherwise],
  refused: ['fal will not make this picture.', 'Describe it in another way.', 'Change the words', otherwise],
  unavailable: ['fal has a problem.', 'Try again in a moment.', 'Try again', again],
  timed_out: ['No picture came in time.', 'An app that nobody used lately begins slowly.', 'Try again', again],
  unreachable: ['fal cannot be reached.', 'Check the network, then try again.', 'Try again', again],
  broken: ['What fal sent could not be used.', 'Try again.', 'Try again', again],
  gateway: ['The gateway refused the request.', 'Check its token, account id and gateway id.', 'Open gateway settings', (app) => app.openSettings('routing')],
  budget: ['A budget of yours is spent.', 'Raise it, or wait until it begins anew.', 'Open budget', (app) => app.openSettings('budget')],
  cancelled: ['This picture was given up.', 'Nothing came of it.', 'Try again', again],
};

/** Why there is no picture; null: there is one, or it is being made. @param {ChatMessage} message */
export function troubleOf({ state, failure }) {
  if (state !== 'failed' && state !== 'stopped') return null;
  const kind = failure?.kind ?? 'cancelled';
  const [what, todo, button, act] = TABLE[kind] ?? TABLE.unavailable;
  const facts = [failure?.message.trim(), failure?.status && `HTTP ${failure.status}`].filter(Boolean);
  return { what, todo, button, act, detail: kind === 'cancelled' ? '' : facts.join(' · '), isStopped: kind === 'cancelled' };
}

/** @param {App} app @param {HTMLElement} body @param {(message: ChatMessage) => Node[]} arrows to other versions */
export function picturePart(app, body, arrows) {
  let signature = '';
  return {
    /** @param {ChatMessage} message */
    draw(message) {
      const { is_answering: isBusy } = app.snapshot.chat;
      const now = JSON.stringify([message.id, message.state, message.failure, message.attachments.length, message.version, message.versions, isBusy]);
      if (now === signature) return;
      signature = now;
      fill(body, frame(message), trouble(app, message), h('div', { class: 'foot' }, meta(message), deeds(app, message, isBusy, arrows(message))));
    },
  };
}

/** @param {ChatMessage} message */
function frame({ attachments: [file], text, picture, state }) {
  const url = file ? pictureUrl(file) : '';
  if (url) {
    return h('figure', { class: 'picture' }, h('img', { src: url, alt: text, draggable: 'false', oncontextmenu: (/** @type {Event} */ event) => event.preventDefault() }),
      h('figcaption', { 'aria-hidden': 'true' }, text));
  }
  const isComing = state === 'streaming';
  return h('figure', { class: 'picture' },
    isComing && h('div', { class: `canvas ${picture}`, role: 'progressbar', 'aria-label': 'Making a picture' }, h('span', { class: 'pulse' }, h('i'), h('i'), h('i')), 'Making a picture…'),
    h('figcaption', {}, text));
}

/** @param {App} app @param {ChatMessage} message */
function trouble(app, message) {
  const words = troubleOf(message);
  return words && h('div', { class: words.isStopped ? 'kept' : 'kept failed' },
    h('p', {}, h('b', {}, words.what), ' ', words.todo, words.detail && h('span', { class: 'detail' }, words.detail)),
    h('span', { class: 'actions' }, h('button', { type: 'button', class: 'button small', onclick: () => words.act(app, message) }, words.button)));
}

/** @param {ChatMessage} message */
function meta({ receipt, target }) {
  const facts = receipt ? [target?.model, exact(receipt.cost_nano), seconds(receipt.total_ms)].filter(Boolean) : [];
  return h('div', { class: 'meta' }, facts.length > 0 && h('span', {}, facts.join(' · ')));
}

/** @param {App} app @param {ChatMessage} message @param {boolean} isBusy @param {Node[]} arrows */
function deeds(app, message, isBusy, arrows) {
  if (message.state === 'streaming') return null;
  const deed = (/** @type {string} */ name, /** @type {string} */ label, /** @type {() => void} */ act, isDisabled = false) =>
    h('button', { type: 'button', class: 'tool deed', 'aria-label': label, title: label, disabled: isDisabled, onclick: act }, icon(name));
  const isThere = message.attachments.length > 0;
  return h('div', { class: 'deeds' },
    isThere && deed('down', 'Save picture', () => app.send({ do: 'save_picture', message: message.id })),
    deed('copy', 'Copy description', () => app.copy(message.text, 'The description')),
    isThere && deed('again', 'Make another one', () => again(app, message), isBusy),
    ...arrows);
}

/** Says that a picture is there, once; one that is merely shown again stays unsaid. @param {() => number} [now] unix ms */
export function pictureNarrator(now = Date.now) {
  /** An older one was only opened. */
  const NEW_MS = 15_000;
  /** @type {Set<number>} */
  const awaited = new Set();
  /** @type {Set<number>} */
  const said = new Set();
  return (/** @type {ChatMessage} */ { id, state, text, at }) => {
    if (state === 'streaming') { awaited.add(id); return; }
    if (said.has(id)) return;
    said.add(id);
    const isNew = awaited.has(id) || now() - at < NEW_MS;
    if (isNew && state === 'done') announce(`Picture: ${text}`);
    else if (isNew && state === 'failed') announce(`No picture: ${text}`);
  };
}

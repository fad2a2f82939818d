// @ts-check
// Typing: always there, with or without a call or a microphone.
import { byId } from './dom.js';

/** @typedef {import('./main.js').App} App */

/** Six lines of 24 px and the padding. */
const MAX_HEIGHT = 152;

/** @param {App} app */
export function composer(app) {
  const field = /** @type {HTMLTextAreaElement} */ (byId('message'));
  const button = /** @type {HTMLButtonElement} */ (byId('send'));

  function fit() {
    button.disabled = field.value.trim() === '';
    field.style.setProperty('height', 'auto');
    const height = Math.min(Math.max(field.scrollHeight, 32), MAX_HEIGHT);
    field.style.setProperty('height', `${height}px`);
    field.style.setProperty('overflow-y', field.scrollHeight > MAX_HEIGHT ? 'auto' : 'hidden');
  }

  async function send() {
    const draft = field.value;
    const text = draft.trim();
    if (!text) return;
    field.value = '';
    fit();
    if (await app.send({ do: 'say', text })) return;
    field.value = field.value ? `${draft}\n${field.value}` : draft;
    fit();
  }

  field.addEventListener('input', fit);
  field.addEventListener('keydown', (event) => {
    // 229: the Enter that ends a composition in engines that report it late.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    void send();
  });
  button.addEventListener('click', () => { void send(); field.focus(); });
  window.addEventListener('resize', fit);
}

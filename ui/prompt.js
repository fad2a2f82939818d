// @ts-check
// Instructions of this conversation, and kept ones to begin with.
/** @import {Preset} from './types' */
import { shortName } from './catalogue.js';
import { byId, fill, h, icon, keyboardFocus } from './dom.js';

/** @typedef {import('./main.js').App} App */

/** @param {App} app */
export function prompt(app) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('prompt'));
  const area = h('textarea', { id: 'prompt-text', class: 'text', rows: '6', placeholder: 'Be brief. I am learning Polish; correct my mistakes.', spellcheck: 'true' });
  const name = h('input', { id: 'preset-name', type: 'text', class: 'text', placeholder: 'Name', 'aria-label': 'Name of the preset', maxlength: '80', autocomplete: 'off' });
  const keep = h('button', { type: 'button', class: 'button', disabled: true, onclick: save }, 'Keep as preset');
  const list = h('ul', { class: 'presets', 'aria-label': 'Presets' });
  const button = byId('prompt-button');
  let drawn = '';
  fill(dialog, h('header', {}, h('h2', { id: 'prompt-title' }, 'Instructions'), h('button', { type: 'button', class: 'tool', 'aria-label': 'Close', onclick: close }, icon('close'))),
    h('label', { class: 'note', for: 'prompt-text' }, 'What the model is told about itself and about you, in this conversation.'), area,
    h('div', { class: 'preset-new' }, name, keep), list);

  function store() {
    if (area.value !== app.snapshot.chat.system) app.send({ do: 'set_system_prompt', text: area.value });
  }
  function close() {
    store();
    dialog.close();
  }
  function save() {
    store();
    app.send({ do: 'save_preset', name: name.value.trim() });
    name.value = '';
    keep.disabled = true;
  }

  /** @param {Preset} preset */
  function use(preset) {
    area.value = preset.system;
    if (preset.target) app.send({ do: 'choose_model', ...preset.target });
    close();
  }

  name.addEventListener('input', () => { keep.disabled = name.value.trim() === ''; });
  name.addEventListener('keydown', (event) => { if (event.key === 'Enter' && !keep.disabled) { event.preventDefault(); save(); } });
  area.addEventListener('change', store);
  dialog.addEventListener('close', store);
  dialog.addEventListener('click', (event) => { if (event.target === dialog) close(); });
  button.addEventListener('click', () => {
    area.value = app.snapshot.chat.system;
    drawn = '';
    const before = keyboardFocus();
    dialog.showModal();
    draw();
    area.focus();
    dialog.addEventListener('close', () => before?.focus(), { once: true });
  });

  function draw() {
    const { system, presets } = app.snapshot.chat;
    button.toggleAttribute('data-set', system.trim() !== '');
    button.title = system.trim() ? `Instructions: ${system.trim().slice(0, 120)}` : 'Instructions';
    if (!dialog.open) return;
    const now = JSON.stringify(presets);
    if (now === drawn) return;
    drawn = now;
    fill(list, ...presets.map((preset) => h('li', {},
      h('button', { type: 'button', class: 'preset', 'aria-label': `Use ${preset.name}`, onclick: () => use(preset) }, h('b', {}, preset.name), preset.target && h('span', { class: 'tag' }, shortName(preset.target.model)), h('span', { class: 'note' }, preset.system.slice(0, 160))),
      h('button', { type: 'button', class: 'tool', 'aria-label': `Delete ${preset.name}`, title: 'Delete', onclick: () => app.send({ do: 'delete_preset', name: preset.name }) }, icon('trash')))));
  }

  return { draw };
}

// @ts-check
// Which model is asked: a searchable list, wholly by keyboard.
/** @import {ModelChoice, Target} from './types' */
/** @import {Choice} from './catalogue.js' */
import { choices, keyless } from './catalogue.js';
import { byId, fill, h, icon, keyboardFocus, say } from './dom.js';
import { context, price } from './money.js';

/** @typedef {import('./main.js').App} App */

/** Rows that a page key goes over. */
const PAGE = 8;

/** @param {App} app */
export function modelPicker(app) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('picker'));
  const input = h('input', {
    type: 'text', class: 'text', role: 'combobox', placeholder: 'Search models', 'aria-label': 'Search models', autocomplete: 'off', spellcheck: 'false',
    'aria-expanded': 'true', 'aria-controls': 'picker-list', 'aria-autocomplete': 'list',
  });
  const list = h('div', { id: 'picker-list', class: 'picker-list', role: 'listbox', 'aria-label': 'Models' });
  const told = h('p', { class: 'unseen', role: 'status' });
  const foot = h('div', { class: 'picker-foot' });
  const title = h('h2', { id: 'picker-title' }, 'Model');
  fill(dialog, h('header', {}, title, h('button', { type: 'button', class: 'tool', 'aria-label': 'Close', onclick: () => dialog.close() }, icon('close'))),
    h('div', { class: 'search' }, icon('search'), input), list, told, foot);

  /** @type {Choice[]} */
  let rows = [];
  let active = 0;
  /** @type {HTMLElement | null} */
  let before = null;
  /** @type {(target: Target) => void} */
  let take = () => {};
  let drawn = '';

  /** @param {string} name @param {(target: Target) => void} act */
  function show(name, act) {
    before = keyboardFocus();
    take = act;
    input.value = '';
    drawn = '';
    say(title, name);
    app.send({ do: 'find_models' });
    dialog.showModal();
    draw();
    input.focus();
  }

  function draw() {
    if (!dialog.open) return;
    const { models, providers, chat } = app.snapshot;
    const now = JSON.stringify([input.value, models.length, providers, chat.target]);
    if (now === drawn) return;
    const isTyped = drawn !== '' && JSON.parse(drawn)[0] !== input.value;
    drawn = now;
    const chosen = rows[active];
    const found = choices(models, providers, input.value, chat.target);
    rows = found.rows;
    const place = isTyped || !chosen ? -1 : rows.findIndex(({ model }) => model.model === chosen.model.model && model.provider === chosen.model.provider);
    fill(list, ...rows.map((row, at) => option(row, at)));
    setActive(Math.max(0, place));
    say(told, rows.length === 0 ? 'No model found' : `${rows.length + found.more} models`);
    // Who has a key is known together with the models.
    const without = models.length === 0 ? [] : keyless(providers, input.value);
    const failed = providers.filter((provider) => provider.is_ready && provider.failure);
    fill(foot,
      rows.length === 0 && h('p', { class: 'note' }, models.length === 0 ? 'Looking for models… Add a key to see those of its provider.' : 'No model fits these words.'),
      found.more > 0 && h('p', { class: 'note' }, `${found.more} more. Type to narrow them down.`),
      ...failed.map((provider) => h('p', { class: 'note' }, `The models of ${provider.name} could not be listed: ${provider.failure?.message ?? ''}`)),
      without.length > 0 && h('div', { class: 'keyless', role: 'group', 'aria-label': 'Providers without a key' }, h('span', { class: 'note' }, 'Add a key for'),
        ...without.slice(0, 14).map((provider) => h('button', { type: 'button', class: 'suggestion', onclick: () => { dialog.close(); app.openSettings('keys', provider.holder ?? undefined); } }, provider.name))));
  }

  /** @param {Choice} row @param {number} at */
  function option({ provider, model }, at) {
    const { target } = app.snapshot.chat;
    const isChosen = target.provider === model.provider && target.model === model.model;
    return h('div', { id: `model-${at}`, class: 'option', role: 'option', 'aria-selected': 'false', onclick: () => choose(at), onpointermove: () => { if (active !== at) setActive(at, false); } },
      h('span', { class: 'option-name' }, h('b', {}, model.model), isChosen && h('span', { class: 'tag' }, 'chosen')),
      h('span', { class: 'option-facts' }, ...factsOf(provider.name, model, provider.is_local)));
  }

  /** @param {number} at */
  function setActive(at, isShown = true) {
    list.children[active]?.setAttribute('aria-selected', 'false');
    active = Math.min(Math.max(at, 0), Math.max(0, rows.length - 1));
    const element = list.children[active];
    if (!element) return input.removeAttribute('aria-activedescendant');
    element.setAttribute('aria-selected', 'true');
    input.setAttribute('aria-activedescendant', element.id);
    if (isShown) element.scrollIntoView({ block: 'nearest' });
  }

  /** @param {number} at */
  function choose(at) {
    const row = rows[at];
    if (!row) return;
    dialog.close();
    take({ provider: row.model.provider, model: row.model.model });
  }

  input.addEventListener('input', draw);
  input.addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE }[event.key];
    if (by) setActive(Math.abs(by) > 1 ? active + by : (active + by + rows.length) % Math.max(1, rows.length));
    else if (event.key === 'Home' && event.ctrlKey) setActive(0);
    else if (event.key === 'End' && event.ctrlKey) setActive(rows.length - 1);
    else if (event.key === 'Enter') choose(active);
    else return;
    event.preventDefault();
  });
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener('close', () => { if (before) before.focus(); else if (app.view === 'talk') app.composer.focus(); });

  return {
    draw,
    /** To choose who is asked from now on. */
    open() { show('Model', ({ provider, model }) => app.send({ do: 'choose_model', provider, model })); },
    /** To choose one for something else. @param {string} name @param {(target: Target) => void} act */
    openFor: show,
  };
}

/** @param {string} provider @param {ModelChoice} model @param {boolean} isLocal */
function factsOf(provider, model, isLocal) {
  const room = context(model.context);
  const isPriced = model.input_nano !== null || model.output_nano !== null;
  const cost = isLocal ? 'on this computer' : isPriced ? `${price(model.input_nano)} in, ${price(model.output_nano)} out per 1M tokens` : 'price not known';
  const facts = [provider, cost, room && `${room} context`, model.takes_images && 'takes pictures'];
  return facts.filter(Boolean).map((fact) => h('span', {}, fact || ''));
}

// @ts-check
// The user's own prices: a table in the settings, and a form for one of its rows.
/** @import {ModelPrice, Snapshot} from './types' */
import { fill, h, icon, say } from './dom.js';
import { providerName } from './failures.js';
import { priceFault } from './faults.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {import('./fields.js').Part} Part */
/** @typedef {Record<'provider' | 'model' | 'input' | 'cached' | 'output', string>} Draft a price as it is typed */

/** The rates: their field, what it is called, and what it is. @type {['input' | 'cached' | 'output', string, string][]} */
const RATES = [['input', 'Prompt', 'As listed'], ['cached', 'Cached prompt', 'As the rest'], ['output', 'Answer', 'As listed']];

/** As it was typed: numbers of the engine are shorter than JavaScript's. @param {number} dollars */
const plain = (dollars) => (dollars < 0 ? '' : String(Math.round(dollars * 1e6) / 1e6));

/** @param {ModelPrice} price @returns {Draft} */
const draftOf = ({ provider, model, input, cached, output }) => ({ provider, model, input: plain(input), cached: plain(cached), output: plain(output) });

/** Rates that only the settings file has a place for; below 0: none. */
const OTHERS = { written: -1, input_audio: -1, output_audio: -1, per_minute: -1, per_thousand_characters: -1 };

/** What is not named costs what is listed. @param {string} text */
const rate = (text) => (text.trim() ? Number(text) : -1);

/** @param {Draft} draft @param {ModelPrice} [old] the price that it takes the place of @returns {ModelPrice} */
export const priceOf = ({ provider, model, input, cached, output }, old) => ({ ...OTHERS, ...old, provider, model: model.trim(), input: rate(input), cached: rate(cached), output: rate(output) });

/** The list with a price in the place of an older one, or at its end. @param {ModelPrice[]} prices @param {ModelPrice} price @param {number | null} at */
export const withPrice = (prices, price, at) => (at === null ? [...prices, price] : prices.map((known, place) => (place === at ? price : known)));

/** What a new row begins with: the chosen model, if it has no price yet. @param {Snapshot} snapshot @returns {Draft} */
export function newDraft({ settings: { chat }, providers }) {
  const isTaken = chat.prices.some(({ provider, model }) => provider === chat.provider && model === chat.model);
  const isOffered = providers.some(({ id, is_local }) => id === chat.provider && !is_local);
  const draft = { provider: '', model: '', input: '', cached: '', output: '' };
  return isTaken || !isOffered ? draft : { ...draft, provider: chat.provider, model: chat.model };
}

/** @param {App} app @returns {Part} */
export function priceTable(app) {
  const body = h('tbody');
  const frame = h('div', { class: 'table-frame' }, h('table', { class: 'prices', 'aria-label': 'Your prices' },
    h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Provider'), h('th', { scope: 'col' }, 'Model'),
      ...RATES.map(([, name]) => h('th', { scope: 'col', class: 'align-right' }, name)), h('th', { scope: 'col' }, h('span', { class: 'unseen' }, 'Actions')))), body));
  const none = h('p', { class: 'note' }, 'None: all models cost what is listed.');
  const add = h('button', { type: 'button', class: 'button small', onclick: () => edit(null) }, icon('plus'), 'Add a price');
  const slot = h('div');
  const element = h('div', { class: 'row wide', 'data-setting': 'chat.prices' },
    h('div', { class: 'row-words' }, h('span', { class: 'label' }, 'Your prices'), h('p', { class: 'about' }, 'What you pay by an agreement of your own, in dollars for a million tokens. It counts in costs and budgets instead of the listed price.')),
    frame, none, slot, h('div', {}, add));
  let drawn = '';
  const kept = () => app.snapshot.settings.chat.prices;
  const keep = (/** @type {ModelPrice[]} */ prices) => app.configure({ chat: { prices } });

  /** Opens the form. @param {number | null} at which row; null: a new one */
  function edit(at) {
    const close = () => { fill(slot); add.hidden = false; add.focus(); };
    const form = priceForm(app, at === null ? newDraft(app.snapshot) : draftOf(kept()[at]), {
      taken: () => kept().filter((_, place) => place !== at),
      keep: (draft) => { keep(withPrice(kept(), priceOf(draft, at === null ? undefined : kept()[at]), at)); close(); },
      close,
    });
    fill(slot, form.element);
    add.hidden = true;
    form.focus();
    form.element.scrollIntoView({ block: 'nearest' });
  }

  function drawRows() {
    const prices = kept();
    frame.hidden = prices.length === 0;
    none.hidden = prices.length > 0;
    fill(body, ...prices.map((price, at) => {
      const tool = (/** @type {string} */ name, /** @type {string} */ words, /** @type {() => void} */ act) =>
        h('button', { type: 'button', class: 'tool', 'aria-label': `${words} the price of ${price.model}`, title: words, onclick: act }, icon(name));
      const rates = RATES.map(([field, , none]) => h('td', { class: 'align-right' }, price[field] < 0 ? none : `$${plain(price[field])}`));
      return h('tr', {}, h('td', {}, providerName(app.snapshot, price.provider)), h('th', { scope: 'row' }, price.model), ...rates,
        h('td', { class: 'price-tools' }, tool('edit', 'Change', () => edit(at)), tool('trash', 'Remove', () => { fill(slot); add.hidden = false; keep(kept().filter((_, place) => place !== at)); add.focus(); })));
    }));
  }

  return {
    element,
    draw() {
      const now = JSON.stringify([kept(), app.snapshot.providers.length]);
      if (now === drawn) return;
      drawn = now;
      drawRows();
    },
  };
}

/**
 * @param {App} app @param {Draft} draft
 * @param {{taken: () => ModelPrice[], keep: (draft: Draft) => void, close: () => void}} acts
 */
function priceForm(app, draft, { taken, keep, close }) {
  const known = app.snapshot.providers.filter(({ id, is_local }) => id !== 'practice' && (!is_local || id === draft.provider));
  const provider = h('select', { id: 'price-provider' }, h('option', { value: '' }, 'Choose…'), ...known.map(({ id, name }) => h('option', { value: id }, name)));
  provider.value = draft.provider;
  const entry = (/** @type {string} */ id, /** @type {string} */ value, /** @type {Record<string, string>} */ more) => {
    const input = h('input', { type: 'text', id: `price-${id}`, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', 'aria-describedby': 'price-fault', ...more });
    input.value = value;
    return input;
  };
  const model = entry('model', draft.model, { class: 'text code', placeholder: 'As the provider spells it' });
  const [input, cached, output] = RATES.map(([field, , placeholder]) => entry(field, draft[field], { class: 'text number', inputmode: 'decimal', placeholder: field === 'cached' ? placeholder : '0.25' }));
  const fields = { provider, model, input, cached, output };
  const fault = h('p', { class: 'field-fault', id: 'price-fault', role: 'alert' });

  function typed() {
    return /** @type {Draft} */ (Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value])));
  }

  function submit(/** @type {Event} */ event) {
    event.preventDefault();
    const found = priceFault(typed(), taken());
    for (const [name, field] of Object.entries(fields)) {
      if (found?.field === name) field.setAttribute('aria-invalid', 'true'); else field.removeAttribute('aria-invalid');
    }
    say(fault, found?.words ?? '');
    if (found) fields[found.field].focus(); else keep(typed());
  }

  const labelled = (/** @type {string} */ name, /** @type {HTMLElement} */ control, slot = control) => h('div', {}, h('label', { for: control.id }, name), slot);
  const element = h('form', { class: 'price-form', 'aria-label': 'Price of a model', novalidate: true, onsubmit: submit, onkeydown: (/** @type {KeyboardEvent} */ event) => { if (event.key === 'Escape') { event.stopPropagation(); close(); } } },
    labelled('Provider', provider, h('span', { class: 'select' }, provider, icon('chevron'))), labelled('Model', model),
    labelled('Prompt', input), labelled('Cached prompt', cached), labelled('Answer', output), fault,
    h('div', { class: 'actions' }, h('button', { type: 'button', class: 'button', onclick: close }, 'Cancel'), h('button', { type: 'submit', class: 'button primary' }, 'Save price')));
  return { element, focus: () => (draft.provider ? (draft.model ? input : model) : provider).focus() };
}

// @ts-check
// Controls of the settings: each draws itself from the settings and sends only what changed.
/** @import {Settings} from './types' */
import { fill, h, icon, say } from './dom.js';
import { level } from './meters.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {{element: HTMLElement, draw: () => void}} Part */
/**
 * @typedef {object} Field
 * @property {string} label
 * @property {string | ((settings: Settings) => string)} about one sentence of what it does
 * @property {string[]} path where it is in the settings
 * @property {(settings: Settings) => boolean} [when] whether it applies
 */
/**
 * A value that is not simply at its path.
 * @typedef {{read: (settings: Settings) => any, write: (settings: Settings, value: any) => Record<string, unknown>}} Elsewhere
 */

/** Time without a key press after which text is kept, ms. */
const QUIET_MS = 500;
let ids = 0;

/** @param {Settings} settings @param {string[]} path @returns {any} */
const read = (settings, path) => path.reduce((/** @type {any} */ part, key) => part[key], settings);

/** @param {string[]} path @param {unknown} value @returns {Record<string, unknown>} */
const patch = (path, value) => /** @type {any} */ (path.reduceRight((/** @type {unknown} */ inner, key) => ({ [key]: inner }), value));

/** @param {App} app @param {Field & {at?: Elsewhere}} field @returns {any} */
const keptOf = ({ snapshot: { settings } }, { at, path }) => (at ? at.read(settings) : read(settings, path));

/** @param {App} app @param {Field & {at?: Elsewhere}} field @param {unknown} value */
const change = (app, { at, path }, value) => app.configure(at ? at.write(app.snapshot.settings, value) : patch(path, value));

/**
 * One row: words on the left, the control on the right or below.
 * @param {App} app @param {Field} field @param {HTMLElement} control
 * @param {{isWide?: boolean, labelFor?: string, draw: () => void}} options @returns {Part}
 */
function row(app, field, control, { isWide = false, labelFor, draw }) {
  const about = h('p', { class: 'about' });
  const label = labelFor ? h('label', { for: labelFor }, field.label) : h('span', { class: 'label' }, field.label);
  const element = h('div', { class: isWide ? 'row wide' : 'row', 'data-setting': field.path.join('.') }, h('div', { class: 'row-words' }, label, about), h('div', { class: 'row-control' }, control));
  return {
    element,
    draw() {
      const { settings } = app.snapshot;
      element.hidden = field.when ? !field.when(settings) : false;
      say(about, typeof field.about === 'function' ? field.about(settings) : field.about);
      draw();
    },
  };
}

/** @param {App} app @param {Field & {options: [string, string][]}} field */
export function choice(app, field) {
  const name = `choice-${++ids}`;
  const radios = field.options.map(([value, words]) => ({
    value,
    // A click counts also where the page, a moment late, shows this choice as taken.
    input: h('input', { type: 'radio', name, value, onclick: () => app.configure(patch(field.path, value)) }),
    words,
  }));
  const control = h('div', { class: 'segments', role: 'radiogroup', 'aria-label': field.label },
    ...radios.map(({ input, words }) => h('label', {}, input, h('span', {}, words))));
  return row(app, field, control, { draw: () => radios.forEach(({ input, value }) => { input.checked = read(app.snapshot.settings, field.path) === value; }) });
}

/** @param {App} app @param {Field & {options: [string, string][], at?: Elsewhere}} field */
export function select(app, field) {
  const id = `select-${++ids}`;
  const control = h('select', { id, onchange: () => change(app, field, control.value) },
    ...field.options.map(([value, words]) => h('option', { value }, words)));
  return row(app, field, h('span', { class: 'select' }, control, icon('chevron')), {
    labelFor: id,
    draw() {
      const value = keptOf(app, field);
      if (![...control.options].some((option) => option.value === value)) control.append(h('option', { value }, value));
      control.value = value;
    },
  });
}

/** @param {App} app @param {Field} field */
export function toggle(app, field) {
  const id = `toggle-${++ids}`;
  const input = h('input', { id, type: 'checkbox', role: 'switch', class: 'switch', onchange: () => app.configure(patch(field.path, input.checked)) });
  return row(app, field, input, { labelFor: id, draw: () => { input.checked = read(app.snapshot.settings, field.path); } });
}

/**
 * Text is kept after a pause or when the field is left; where a change ends the connection, during a call only when it
 * is left. What is being typed is never overwritten.
 * @param {App} app @param {Field & {placeholder?: string, lines?: number, isCode?: boolean, suggestions?: string[], fault?: (value: string) => string, at?: Elsewhere}} field
 *   fault: what is wrong with a value, in words; empty when nothing is
 */
export function text(app, field) {
  const id = `text-${++ids}`;
  const properties = { id, class: field.isCode ? 'text code' : 'text', placeholder: field.placeholder ?? '', spellcheck: field.lines ? 'true' : 'false', autocomplete: 'off', autocapitalize: 'off' };
  const input = field.lines ? h('textarea', { ...properties, rows: field.lines }) : h('input', { ...properties, type: 'text' });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const value = () => (field.lines ? input.value : input.value.trim());
  const shown = () => keptOf(app, field);
  const keep = () => {
    clearTimeout(timer);
    if (value() !== shown()) change(app, field, value());
  };
  const canWait = () => field.isCode && app.snapshot.call.link.state !== 'idle';
  input.addEventListener('input', () => {
    clearTimeout(timer);
    judge();
    if (!canWait()) timer = setTimeout(keep, QUIET_MS);
  });
  input.addEventListener('change', keep);
  input.addEventListener('blur', () => { keep(); judge(); });
  const fault = h('p', { class: 'field-fault', id: `${id}-fault`, role: 'alert' });
  if (field.fault) input.setAttribute('aria-describedby', fault.id);

  /** What is wrong is said once the field is left, and taken back at once. */
  function judge() {
    const words = field.fault?.(value()) ?? '';
    if (words && document.activeElement === input && !fault.textContent) return;
    say(fault, words);
    if (words) input.setAttribute('aria-invalid', 'true'); else input.removeAttribute('aria-invalid');
  }

  const suggestions = h('div', { class: 'suggestions', role: 'group', 'aria-label': `Suggestions for ${field.label}` });
  const chips = (field.suggestions ?? []).map((words) => h('button', { type: 'button', class: 'suggestion', onclick: () => { input.value = words; keep(); } }, words));
  fill(suggestions, ...chips);
  const control = h('div', { class: 'text-slot' }, input, field.fault && fault, chips.length > 0 && suggestions);
  return row(app, field, control, {
    isWide: true,
    labelFor: id,
    draw() {
      const kept = shown();
      if (document.activeElement !== input && input.value !== kept) input.value = kept;
      judge();
      for (const chip of chips) chip.setAttribute('aria-pressed', String(chip.textContent === kept));
    },
  });
}

/**
 * A number within bounds; an empty field stands for `none`, where there is one.
 * @param {App} app @param {Field & {least: number, most: number, step: number, unit?: string, none?: number, placeholder?: string, at?: Elsewhere}} field
 */
export function number(app, field) {
  const id = `number-${++ids}`;
  const input = h('input', { id, type: 'number', class: 'text number', min: field.least, max: field.most, step: 'any', inputmode: 'decimal', placeholder: field.placeholder ?? '', autocomplete: 'off' });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const shown = (/** @type {number} */ value) => (value === field.none ? '' : String(Math.round(value * 1e6) / 1e6));
  const keep = () => {
    clearTimeout(timer);
    if (input.validity.badInput || (input.value === '' && field.none === undefined)) return;
    const value = input.value === '' ? /** @type {number} */ (field.none) : within(Number(input.value), field);
    if (shown(value) !== shown(keptOf(app, field))) change(app, field, value);
  };
  input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(keep, QUIET_MS); });
  input.addEventListener('change', keep);
  input.addEventListener('blur', () => { keep(); if (field.none === undefined || input.value !== '') input.value = shown(within(Number(input.value || keptOf(app, field)), field)); });
  const control = h('span', { class: 'number-slot' }, field.unit === '$' && h('span', { class: 'note' }, '$'), input, field.unit && field.unit !== '$' && h('span', { class: 'note' }, field.unit));
  return row(app, field, control, {
    labelFor: id,
    draw() {
      const kept = shown(keptOf(app, field));
      if (document.activeElement !== input && input.value !== kept) input.value = kept;
    },
  });
}

/** Whole numbers stay whole. @param {number} value @param {{least: number, most: number, step: number}} bounds */
export function within(value, { least, most, step }) {
  const whole = Number.isInteger(step) ? Math.round(value) : value;
  return Math.min(Math.max(Number.isFinite(whole) ? whole : least, least), most);
}

/** From 0 to 1, or over `range`. @param {App} app @param {Field & {ends: [string, string], range?: [number, number]}} field */
export function slider(app, field) {
  const id = `slider-${++ids}`;
  const [least, most] = field.range ?? [0, 1];
  const input = h('input', { id, type: 'range', min: least, max: most, step: 0.05, class: 'slider' });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const words = () => (typeof field.about === 'function' ? field.about(app.snapshot.settings) : field.about);
  const keep = () => { clearTimeout(timer); app.configure(patch(field.path, Number(input.value))); };
  const paint = () => level(input, (Number(input.value) - least) / (most - least));
  input.addEventListener('input', () => { paint(); clearTimeout(timer); timer = setTimeout(keep, 120); });
  input.addEventListener('change', keep);
  const control = h('div', { class: 'slider-slot' }, input, h('div', { class: 'slider-ends', 'aria-hidden': 'true' }, h('span', {}, field.ends[0]), h('span', {}, field.ends[1])));
  return row(app, field, control, {
    isWide: true,
    labelFor: id,
    draw() {
      const kept = read(app.snapshot.settings, field.path);
      if (document.activeElement !== input || Math.abs(Number(input.value) - kept) < 0.001) input.value = String(kept);
      paint();
      input.setAttribute('aria-valuetext', words());
    },
  });
}

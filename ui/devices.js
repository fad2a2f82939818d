// @ts-check
// Microphone and speaker: lists that are shared by the popover and the settings, and the popover itself.
import { byId, fill, h, icon, keyboardFocus } from './dom.js';
import { slider } from './fields.js';
import { bar } from './gauge.js';
import { soundCheck } from './soundcheck.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {'input' | 'output'} Direction */

let lists = 0;

/** A list of radios, the system's default first. @param {App} app @param {Direction} direction */
export function deviceList(app, direction) {
  const name = `device-${direction}-${++lists}`;
  const isInput = direction === 'input';
  const meter = bar(h('canvas', { class: `meter ${direction}`, 'aria-hidden': 'true' }));
  const list = h('div', { class: 'device-list' });
  const element = h('fieldset', { class: 'devices', role: 'radiogroup', 'aria-label': isInput ? 'Microphone' : 'Speaker' },
    h('div', { class: 'device-head' }, icon(isInput ? 'mic' : 'speaker'), h('span', { class: 'device-title' }, isInput ? 'Microphone' : 'Speaker'),
      meter.element), list);
  let drawn = '';
  let painted = '';

  app.meters.listen((now) => {
    if (!element.isConnected) return;
    const { theme } = app.snapshot.settings.appearance;
    if (theme !== painted) { painted = theme; meter.draw(); }
    meter.show(now[direction]);
  });

  function draw() {
    const { devices, settings } = app.snapshot;
    const all = isInput ? devices.inputs : devices.outputs;
    const inUse = isInput ? devices.input_in_use : devices.output_in_use;
    const chosen = settings.audio[direction];
    const signature = JSON.stringify([all, inUse, chosen]);
    if (signature === drawn) return;
    drawn = signature;
    const byDefault = all.find((device) => device.is_default);
    const choices = [
      { id: '', name: byDefault ? `System default (${byDefault.name})` : 'System default' },
      ...all,
      ...(chosen && !all.some((device) => device.id === chosen) ? [{ id: chosen, name: 'Chosen before, not connected' }] : []),
    ];
    const isRight = (/** @type {{id: string, name: string}} */ device) => (device.id ? device : byDefault)?.name === inUse;
    const taken = inUse === null ? undefined : choices.find((device) => device.id === chosen && isRight(device)) ?? all.find(isRight);
    const focused = /** @type {HTMLInputElement | null} */ (list.querySelector('input:focus'))?.value;
    fill(list, ...choices.map(choice), all.length === 0 && h('p', { class: 'note' }, isInput ? 'No microphone found. Connect one and it appears here.' : 'No speaker found. Connect one and it appears here.'));
    if (focused !== undefined) [...list.querySelectorAll('input')].find((radio) => radio.value === focused)?.focus();

    /** @param {{id: string, name: string}} device */
    function choice(device) {
      return h('label', { class: 'device' },
        h('input', { type: 'radio', name, value: device.id, checked: device.id === chosen, onclick: () => app.configure({ audio: { [direction]: device.id } }) }),
        h('span', { class: 'device-name' }, device.name),
        device === taken && h('span', { class: 'tag' }, 'in use'));
    }
  }

  draw();
  return { element, draw };
}

const percent = new Intl.NumberFormat(undefined, { style: 'percent' });

/** How loud everything is. @param {App} app */
export const volume = (app) => slider(app, { label: 'Volume', about: (settings) => `${percent.format(settings.audio.volume)} of what your system allows.`, path: ['audio', 'volume'], ends: ['Silent', 'Full'] });

/** The popover over the dock. It traps the Tab key, and gives the focus back when it closes. @param {App} app */
export function devicePopover(app) {
  const popover = byId('devices');
  const opener = byId('devices-button');
  const parts = [deviceList(app, 'input'), deviceList(app, 'output'), volume(app), soundCheck(app)];
  fill(popover, ...parts.map((part) => part.element));

  /** @type {HTMLElement | null} */
  let before = null;

  function open() {
    before = keyboardFocus();
    app.send({ do: 'find_devices' });
    popover.hidden = false;
    opener.setAttribute('aria-expanded', 'true');
    draw();
    const first = popover.querySelector('input:checked') ?? popover.querySelector('input, button');
    /** @type {HTMLElement | null} */ (first)?.focus();
  }

  function close() {
    if (popover.hidden) return false;
    const isInside = popover.contains(document.activeElement) || document.activeElement === document.body;
    popover.hidden = true;
    opener.setAttribute('aria-expanded', 'false');
    if (app.snapshot.sound_check) app.send({ do: 'end_sound_check' });
    if (isInside) before?.focus();
    return true;
  }

  function draw() {
    if (popover.hidden) return;
    for (const part of parts) part.draw();
  }

  opener.addEventListener('click', () => { if (popover.hidden) open(); else close(); });
  popover.addEventListener('keydown', trap);
  document.addEventListener('pointerdown', (event) => {
    const target = /** @type {Node} */ (event.target);
    if (!popover.contains(target) && !opener.contains(target)) close();
  });

  /** @param {KeyboardEvent} event */
  function trap(event) {
    if (event.key !== 'Tab') return;
    // Of a group of radios only the chosen one is a stop.
    const stops = [...popover.querySelectorAll('input:checked, input[type=range], button')].filter((stop) => !(/** @type {HTMLButtonElement} */ (stop).disabled));
    const edge = event.shiftKey ? stops[0] : stops.at(-1);
    if (document.activeElement !== edge) return;
    event.preventDefault();
    /** @type {HTMLElement | undefined} */ (event.shiftKey ? stops.at(-1) : stops[0])?.focus();
  }

  return { open, close, draw, get isOpen() { return !popover.hidden; } };
}

// @ts-check
// The little that is needed to build elements: no markup from strings, no inline styles.

const SVG = 'http://www.w3.org/2000/svg';

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element: `on…` properties are listeners, `class` and all others attributes; false and null are left out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Record<string, any>} [props] @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...present(children));
  return element;
}

/** @param {Child[]} children @returns {(Node | string)[]} */
function present(children) {
  return children
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (typeof child === 'number' ? String(child) : /** @type {Node | string} */ (child)));
}

/** @param {string} name @param {Record<string, string | number>} attributes @param {...Element} children */
export function svg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** A picture from the sprite in the page. @param {string} name */
export function icon(name) {
  return svg('svg', { class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true' }, svg('use', { href: `#icon-${name}` }));
}

/** @template {HTMLElement} [T=HTMLElement] @param {string} id @returns {T} */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`no element ${id}`);
  return /** @type {T} */ (element);
}

/** Sets text only where it changed, so that live regions stay quiet. @param {Element} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Replaces children. @param {Element} element @param {...Child} children */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
}

/** A key cap. @param {string} key */
export const kbd = (key) => h('kbd', {}, key);

/** Whether keys typed at this element are text or its own. @param {EventTarget | null} target */
export function takesText(target) {
  return target instanceof HTMLElement
    && (target.isContentEditable || target.matches('textarea, select, input:not([type=radio], [type=checkbox], [type=range], [type=button])'));
}

/** Whether Space means something of its own at this element. @param {EventTarget | null} target */
export function takesSpace(target) {
  return takesText(target) || (target instanceof HTMLElement && target.closest('button, input, summary, a[href], [role=radio], [role=switch]') !== null);
}

/**
 * What has the focus, when the keyboard gave it. A click leaves no focus to return to: after it Space talks again.
 * @returns {HTMLElement | null}
 */
export function keyboardFocus() {
  const { activeElement } = document;
  return activeElement instanceof HTMLElement && activeElement.matches(':focus-visible') ? activeElement : null;
}

/**
 * Calls `tick` every `ms` while it is wanted, which it is told by the function that it gives: a page where nothing
 * happens wakes nobody.
 * @param {number} ms @param {() => void} tick @returns {(isWanted: boolean) => void}
 */
export function ticker(ms, tick) {
  /** @type {ReturnType<typeof setInterval> | null} */
  let timer = null;
  return (isWanted) => {
    if (isWanted === (timer !== null)) return;
    if (timer === null) { timer = setInterval(tick, ms); return; }
    clearInterval(timer);
    timer = null;
  };
}

/** Says a line to those who listen; it goes again when it was said. @param {string} words */
export function announce(words) {
  const line = h('p', {}, words);
  byId('announcer').append(line);
  setTimeout(() => line.remove(), 10_000);
}

/** Asks before something is lost. @param {string} question @param {string} about @param {string} yes @param {string} no @param {() => void} act */
export function ask(question, about, yes, no, act) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('ask'));
  const before = keyboardFocus();
  const close = () => { dialog.close(); if (!before) /** @type {HTMLElement} */ (document.activeElement)?.blur(); };
  fill(dialog, h('h2', { id: 'ask-title' }, question), h('p', {}, about), h('div', { class: 'actions' },
    h('button', { type: 'button', class: 'button', onclick: close }, no),
    h('button', { type: 'button', class: 'button primary', onclick: () => { close(); act(); } }, yes)));
  dialog.showModal();
}

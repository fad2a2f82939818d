// @ts-check
// An answer as nodes of the page: never markup from text, and while it grows only its end is drawn anew.
/** @import {Block} from './blocks.js' */
/** @import {Inline} from './inline.js' */
import { blocks, grown, pieces } from './blocks.js';
import { h, icon } from './dom.js';
import { inlines, safeAddress, wordsOf } from './inline.js';

/** @typedef {{url: string, title: string}} Source */
/** @typedef {{sources?: Source[], open?: (address: string) => void, copy?: (text: string) => void}} Surroundings */

/** Longest text that is drawn with its form; the rest of a longer one is plain. */
const MOST_TEXT = 400_000;

/** Draws one answer into an element, again and again as it grows. */
export class Answer {
  /** @type {import('./blocks.js').Piece[]} */
  #pieces = [];
  /** @type {Node[]} */
  #nodes = [];
  #text = '';
  #sources = -1;

  /** @param {HTMLElement} element @param {Surroundings} [surroundings] */
  constructor(element, surroundings = {}) {
    this.element = element;
    this.surroundings = surroundings;
  }

  /** @param {string} text @param {Source[]} [sources] @returns {number} how many blocks were drawn */
  draw(text, sources = []) {
    this.surroundings.sources = sources;
    const shown = text.slice(0, MOST_TEXT);
    const isSame = this.#sources === sources.length;
    if (isSame && shown === this.#text && this.#nodes.length > 0) return 0;
    const next = isSame ? grown(shown, this.#text, this.#pieces) : pieces(shown);
    let same = 0;
    while (isSame && same < next.length && same < this.#pieces.length && next[same].source === this.#pieces[same].source) same += 1;
    for (const node of this.#nodes.splice(same)) /** @type {ChildNode} */ (node).remove();
    for (const piece of next.slice(same)) {
      const node = nodeOf(piece.block, this.surroundings);
      this.#nodes.push(node);
      this.element.append(node);
    }
    if (text.length > shown.length && this.#text !== shown) {
      const rest = h('p', { class: 'words' }, text.slice(MOST_TEXT));
      this.#nodes.push(rest);
      this.element.append(rest);
    }
    this.#pieces = next;
    this.#text = shown;
    this.#sources = sources.length;
    return next.length - same;
  }
}

/** The whole of a text as nodes. @param {string} text @param {Surroundings} [surroundings] @returns {Node[]} */
export const nodes = (text, surroundings = {}) => blocks(text).map((block) => nodeOf(block, surroundings));

/** @param {Block} block @param {Surroundings} around @returns {HTMLElement} */
function nodeOf(block, around) {
  switch (block.type) {
    case 'paragraph': return h('p', {}, ...line(block.text, around));
    // The page has its own first and second headings.
    case 'heading': return h(/** @type {'h3'} */ (`h${Math.min(6, block.level + 2)}`), { class: `level-${block.level}` }, ...line(block.text, around));
    case 'rule': return h('hr');
    case 'quote': return h('blockquote', {}, ...block.blocks.map((inner) => nodeOf(inner, around)));
    case 'code': return code(block, around);
    case 'list': return list(block, around);
    case 'table': return table(block, around);
  }
}

/** @param {string} text @param {Surroundings} around */
const line = (text, around) => inlineNodes(inlines(text, { citations: around.sources?.length ?? 0 }), around);

/** @param {Inline[]} all @param {Surroundings} around @returns {(Node | string)[]} */
function inlineNodes(all, around) {
  return all.map((node) => {
    if (typeof node === 'string') return node;
    switch (node.type) {
      case 'break': return h('br');
      case 'code': return h('code', {}, node.text);
      case 'strong': return h('strong', {}, ...inlineNodes(node.children, around));
      case 'em': return h('em', {}, ...inlineNodes(node.children, around));
      case 'strike': return h('s', {}, ...inlineNodes(node.children, around));
      case 'cite': return chip(node.number, around);
      case 'link': return link(node.address, inlineNodes(node.children, around), around);
    }
  });
}

/**
 * Opened outside. The page itself never goes anywhere: without `href` neither a click nor the menu of the browser engine
 * can lead it away.
 * @param {string} address @param {(Node | string)[]} children @param {Surroundings} around @param {Record<string, any>} [props]
 */
function link(address, children, around, props = {}) {
  const go = (/** @type {Event} */ event) => { event.preventDefault(); around.open?.(address); };
  const byKey = (/** @type {KeyboardEvent} */ event) => { if (event.key === 'Enter') go(event); };
  return h('a', { role: 'link', tabindex: '0', title: address, 'data-address': address, ...props, onclick: go, onkeydown: byKey }, ...children);
}

/** @param {number} number @param {Surroundings} around */
function chip(number, around) {
  const source = around.sources?.[number - 1];
  const address = source && safeAddress(source.url);
  const label = `Source ${number}: ${source ? nameOf(source) : ''}`;
  if (!address) return h('span', { class: 'cite', title: label }, number);
  return link(address, [String(number)], around, { class: 'cite', 'aria-label': label, title: label });
}

/** What a source is called: its title, else where it is. @param {Source} source */
export function nameOf({ url, title }) {
  if (title.trim()) return title.trim();
  return URL.canParse(url) ? new URL(url).hostname.replace(/^www\./, '') : url;
}

/** The list of sources under an answer. @param {Source[]} sources @param {Surroundings} around */
export function sourceList(sources, around) {
  return h('ol', { class: 'sources', 'aria-label': 'Sources' }, ...sources.map((source, at) => {
    const address = safeAddress(source.url);
    const words = [h('b', {}, at + 1), h('span', {}, nameOf(source))];
    return h('li', {}, address ? link(address, words, around, { class: 'source' }) : h('span', { class: 'source' }, ...words));
  }));
}

/** @param {Extract<Block, {type: 'code'}>} block @param {Surroundings} around */
function code({ language, text }, around) {
  const label = language || 'text';
  const copy = h('button', { type: 'button', class: 'copy-code', 'aria-label': `Copy code, ${label}` }, icon('copy'), h('span', {}, 'Copy'));
  copy.addEventListener('click', () => around.copy?.(text));
  return h('figure', { class: 'code-block' },
    h('figcaption', {}, h('span', {}, label), copy),
    h('pre', { tabindex: '0', role: 'region', 'aria-label': `Code, ${label}` }, h('code', {}, text)));
}

/** @param {Extract<Block, {type: 'list'}>} block @param {Surroundings} around */
function list({ start, items }, around) {
  const isTight = items.every((item) => item.blocks.filter((block) => block.type === 'paragraph').length <= 1);
  const children = items.map((item) => {
    const inner = item.blocks.flatMap((block) => (isTight && block.type === 'paragraph' ? line(block.text, around) : [nodeOf(block, around)]));
    const box = item.isDone !== null && h('span', { class: item.isDone ? 'box done' : 'box', role: 'img', 'aria-label': item.isDone ? 'Done' : 'To do' });
    return h('li', { class: item.isDone === null ? null : 'task' }, box, ...inner);
  });
  return start === null ? h('ul', {}, ...children) : h('ol', { start: start === 1 ? null : start }, ...children);
}

/** @param {Extract<Block, {type: 'table'}>} block @param {Surroundings} around */
function table({ align, head, rows }, around) {
  const cell = (/** @type {'th' | 'td'} */ tag, /** @type {string} */ text, /** @type {number} */ column) =>
    h(tag, { class: align[column] && `align-${align[column]}`, scope: tag === 'th' ? 'col' : null }, ...line(text, around));
  return h('div', { class: 'table-frame', tabindex: '0', role: 'region', 'aria-label': `Table, ${rows.length} ${rows.length === 1 ? 'row' : 'rows'}` },
    h('table', {}, h('thead', {}, h('tr', {}, ...head.map((text, at) => cell('th', text, at)))),
      h('tbody', {}, ...rows.map((row) => h('tr', {}, ...row.map((text, at) => cell('td', text, at)))))));
}

/** The words of an answer, for the ear and for previews: no marks, code told of rather than read. @param {string} text @returns {string} */
export function spoken(text) {
  return blocks(text).map(wordsOfBlock).filter(Boolean).join('\n');
}

/** @param {Block} block @returns {string} */
function wordsOfBlock(block) {
  switch (block.type) {
    case 'paragraph': case 'heading': return wordsOf(inlines(rowsOf(block.text), { citations: 999 })).trim();
    case 'code': return `Code${block.language ? `, ${block.language}` : ''}.`;
    case 'quote': return block.blocks.map(wordsOfBlock).join('\n');
    case 'list': return block.items.map((item) => item.blocks.map(wordsOfBlock).join('\n')).join('\n');
    case 'table': return [block.head, ...block.rows].map((row) => row.map((cell) => wordsOf(inlines(cell))).join(', ')).join('\n');
    case 'rule': return '';
  }
}

/** Rows of a table whose head was read out before. @param {string} text */
const rowsOf = (text) => (text.startsWith('|') ? text.replace(/^\|?[ \t:|-]+$/gm, '').replace(/^\||\|[ \t]*$/gm, '').replace(/\|/g, ',').trim() : text);

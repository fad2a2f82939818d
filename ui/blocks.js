// @ts-check
// What an answer consists of: paragraphs, headings, lists, tables, quotes, code. Pure: text in, a small tree out.
// It is read line by line, once; markup of the web is text like any other.

/**
 * @typedef {{type: 'paragraph', text: string}
 *   | {type: 'heading', level: number, text: string}
 *   | {type: 'code', language: string, text: string, isOpen: boolean}
 *   | {type: 'quote', blocks: Block[]}
 *   | {type: 'list', start: number | null, items: Item[]}
 *   | {type: 'table', align: Align[], head: string[], rows: string[][]}
 *   | {type: 'rule'}} Block
 */
/** @typedef {{blocks: Block[], isDone: boolean | null}} Item isDone: of a list of tasks */
/** @typedef {'left' | 'right' | 'center' | null} Align */
/** @typedef {{source: string, block: Block}} Piece a block at the top, with its text */

/** Quotes and lists inside one another; what is deeper is a paragraph. */
const MOST_DEPTH = 8;
const MOST_COLUMNS = 32;
const MOST_ROWS = 2000;

const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t](.*))?$/;
const RULE = /^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const BULLET = /^( {0,3})([-*+•])(?:([ \t]+)(.*))?$/;
const NUMBER = /^( {0,3})(\d{1,9})([.)])(?:([ \t]+)(.*))?$/;
const QUOTE = /^ {0,3}> ?(.*)$/;
const DELIMITERS = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;
const LONGEST_RULE = 200;

/** The marks and the language of a fence. @param {string} line @returns {[string, string] | null} */
function fenceOf(line) {
  const [, marks, info] = FENCE.exec(line) ?? [];
  if (!marks || (marks[0] === '`' && info.includes('`'))) return null;
  return [marks, info.trim().split(/[\s{,]/, 1)[0]];
}

const isBlank = (/** @type {string | undefined} */ line) => line === undefined || line.trim() === '';
const isRule = (/** @type {string} */ line) => line.length <= LONGEST_RULE && RULE.test(line);
const indentOf = (/** @type {string} */ line) => line.length - line.trimStart().length;

/** @param {string} text @returns {Block[]} */
export const blocks = (text) => pieces(text).map(({ block }) => block);

/** @param {string} text @returns {Piece[]} */
export function pieces(text) {
  const lines = text.split('\n');
  return read(lines.map((line) => line.replace(/\r$/, '').replace(/^\t+/, (tabs) => '    '.repeat(tabs.length))), 0, lines);
}

/**
 * The pieces of a text that only grew: all but the last two of the earlier ones stay as they are, as more text can no
 * longer change them.
 * @param {string} text @param {string} before @param {Piece[]} known @returns {Piece[]}
 */
export function grown(text, before, known) {
  if (known.length < 3 || !text.startsWith(before)) return pieces(text);
  const kept = known.slice(0, -2);
  const from = kept.reduce((length, piece) => length + piece.source.length, 0);
  return [...kept, ...pieces(text.slice(from))];
}

/**
 * Sources are the lines as they came, the blank ones after a block included, so that they can be laid end to end.
 * @param {string[]} lines @param {number} depth @param {string[]} [raw] @returns {Piece[]}
 */
function read(lines, depth, raw = lines) {
  /** @type {Piece[]} */
  const found = [];
  let at = 0;
  let from = 0;
  while (at < lines.length) {
    if (isBlank(lines[at])) { at += 1; continue; }
    const [block, next] = readBlock(lines, at, depth);
    at = next;
    while (at < lines.length && isBlank(lines[at])) at += 1;
    const isLast = at >= lines.length;
    found.push({ source: raw.slice(from, at).join('\n') + (isLast ? '' : '\n'), block });
    from = at;
  }
  return found;
}

/** @param {string[]} lines @param {number} at @param {number} depth @returns {[Block, number]} */
function readBlock(lines, at, depth) {
  const line = lines[at];
  const fence = fenceOf(line);
  if (fence) return readCode(lines, at, fence);
  const heading = HEADING.exec(line);
  if (heading) return [{ type: 'heading', level: heading[1].length, text: (heading[2] ?? '').trim().replace(/(^|[ \t])#+$/, '').trim() }, at + 1];
  if (isRule(line)) return [{ type: 'rule' }, at + 1];
  if (isTable(lines, at)) return readTable(lines, at);
  if (depth < MOST_DEPTH) {
    if (QUOTE.test(line)) return readQuote(lines, at, depth);
    if (markerOf(line)) return readList(lines, at, depth);
  }
  return readParagraph(lines, at, depth);
}

/** @param {string[]} lines @param {number} at @param {[string, string]} fence @returns {[Block, number]} */
function readCode(lines, at, fence) {
  const indent = indentOf(lines[at]);
  const [marks, language] = fence;
  /** @type {string[]} */
  const code = [];
  let next = at + 1;
  let isOpen = true;
  for (; next < lines.length; next += 1) {
    const line = lines[next];
    const end = line.trim();
    if (end.length >= marks.length && indentOf(line) < 4 && end === marks[0].repeat(end.length)) { isOpen = false; next += 1; break; }
    code.push(line.slice(Math.min(indent, indentOf(line))));
  }
  return [{ type: 'code', language: language.slice(0, 40), text: code.join('\n'), isOpen }, next];
}

/** @param {string[]} lines @param {number} at @param {number} depth @returns {[Block, number]} */
function readQuote(lines, at, depth) {
  /** @type {string[]} */
  const inner = [];
  let next = at;
  for (; next < lines.length && !isBlank(lines[next]); next += 1) {
    const quoted = QUOTE.exec(lines[next]);
    if (!quoted && begins(lines, next)) break;
    inner.push(quoted ? quoted[1] : lines[next]);
  }
  return [{ type: 'quote', blocks: read(inner, depth + 1).map(({ block }) => block) }, next];
}

/** @typedef {{indent: number, width: number, kind: string, start: number | null, text: string}} Marker */

/** @param {string} line @returns {Marker | null} */
function markerOf(line) {
  const bullet = BULLET.exec(line);
  if (bullet && !isRule(line)) return marker(bullet[1], 1, bullet[3], bullet[4], bullet[2], null);
  const number = NUMBER.exec(line);
  return number && marker(number[1], number[2].length + 1, number[4], number[5], number[3], Number(number[2]));
}

/** @param {string} lead @param {number} sign @param {string | undefined} gap @param {string | undefined} text @param {string} kind @param {number | null} start @returns {Marker} */
function marker(lead, sign, gap, text, kind, start) {
  const wide = gap?.length ?? 1;
  const used = wide > 4 ? 1 : wide;
  return { indent: lead.length, width: lead.length + sign + used, kind, start, text: (gap ?? '').slice(used) + (text ?? '') };
}

/** @param {string[]} lines @param {number} at @param {number} depth @returns {[Block, number]} */
function readList(lines, at, depth) {
  const first = /** @type {Marker} */ (markerOf(lines[at]));
  /** @type {Item[]} */
  const items = [];
  let next = at;
  while (next < lines.length) {
    const head = isRule(lines[next]) ? null : markerOf(lines[next]);
    if (!head || head.kind !== first.kind) break;
    /** @type {string[]} */
    const inner = [head.text];
    next = readItem(lines, next + 1, head, inner);
    items.push(itemOf(inner, depth));
    let after = next;
    while (after < lines.length && isBlank(lines[after])) after += 1;
    if (after < lines.length && markerOf(lines[after])?.kind === first.kind && !isRule(lines[after])) next = after;
  }
  return [{ type: 'list', start: first.start, items }, next];
}

/** The lines of one item; models are careless about how far they indent. @param {string[]} lines @param {number} from @param {Marker} head @param {string[]} inner */
function readItem(lines, from, head, inner) {
  const least = head.start === null ? head.indent + 2 : head.indent + 3;
  let next = from;
  let blanks = 0;
  let fence = fenceOf(head.text)?.[0] ?? '';
  for (; next < lines.length; next += 1) {
    const line = lines[next];
    if (isBlank(line)) { blanks += 1; continue; }
    const indent = indentOf(line);
    const isInside = indent >= Math.min(head.width, least) || (fence !== '' && blanks === 0);
    if (!isInside && (blanks > 0 || begins(lines, next))) break;
    for (; blanks > 0; blanks -= 1) inner.push('');
    const own = line.slice(Math.min(indent, head.width));
    inner.push(own);
    if (fence === '') fence = fenceOf(own)?.[0] ?? '';
    else if (own.trim().startsWith(fence) && own.trim() === fence[0].repeat(own.trim().length)) fence = '';
  }
  return next - blanks;
}

/** @param {string[]} inner @param {number} depth @returns {Item} */
function itemOf(inner, depth) {
  const task = /^\[([ xX])\]\s+/.exec(inner[0]);
  if (task) inner[0] = inner[0].slice(task[0].length);
  return { blocks: read(inner, depth + 1).map(({ block }) => block), isDone: task ? task[1] !== ' ' : null };
}

/** @param {string[]} lines @param {number} at */
function isTable(lines, at) {
  const below = lines[at + 1];
  if (below === undefined || !lines[at].includes('|') || !below.includes('-') || below.length > 4000) return false;
  if (!below.includes('|') || !DELIMITERS.test(below)) return false;
  return cellsOf(lines[at]).length === cellsOf(below).length;
}

/** @param {string[]} lines @param {number} at @returns {[Block, number]} */
function readTable(lines, at) {
  const head = cellsOf(lines[at]);
  const align = cellsOf(lines[at + 1]).map((mark) => {
    if (mark.endsWith(':')) return mark.startsWith(':') ? 'center' : 'right';
    return mark.startsWith(':') ? 'left' : null;
  });
  /** @type {string[][]} */
  const rows = [];
  let next = at + 2;
  for (; next < lines.length && !isBlank(lines[next]) && lines[next].includes('|') && rows.length < MOST_ROWS; next += 1) {
    const cells = cellsOf(lines[next]);
    rows.push(head.map((_, column) => cells[column] ?? ''));
  }
  return [{ type: 'table', align: /** @type {Align[]} */ (align), head, rows }, next];
}

/** Cells of a row; a bar behind a backslash or in code belongs to the cell. @param {string} line @returns {string[]} */
function cellsOf(line) {
  const row = line.trim();
  /** @type {string[]} */
  const cells = [];
  let cell = '';
  let isCode = false;
  for (let at = row.startsWith('|') ? 1 : 0; at < row.length && cells.length < MOST_COLUMNS; at += 1) {
    const c = row[at];
    if (c === '\\' && row[at + 1] === '|') { cell += '|'; at += 1; }
    else if (c === '|' && !isCode) { cells.push(cell.trim()); cell = ''; }
    else {
      if (c === '`') isCode = isCode ? false : row.includes('`', at + 1);
      cell += c;
    }
  }
  if (cell.trim() || !row.endsWith('|')) cells.push(cell.trim());
  return cells.slice(0, MOST_COLUMNS);
}

/** Whether a line begins something that ends a paragraph. @param {string[]} lines @param {number} at */
function begins(lines, at) {
  const line = lines[at];
  if (fenceOf(line) || HEADING.test(line) || isRule(line) || QUOTE.test(line)) return true;
  const mark = markerOf(line);
  if (mark && mark.text.trim() !== '') return true;
  return isTable(lines, at);
}

/** @param {string[]} lines @param {number} at @param {number} depth @returns {[Block, number]} */
function readParagraph(lines, at, depth) {
  let next = at + 1;
  const canBegin = depth < MOST_DEPTH;
  while (next < lines.length && !isBlank(lines[next]) && !(canBegin && begins(lines, next))) next += 1;
  const text = lines.slice(at, next).map((line) => line.trimStart()).join('\n').trimEnd();
  return [{ type: 'paragraph', text }, next];
}

// @ts-check
// What stands inside a line of an answer: emphasis, code, links, citations. Pure: text in, a small tree out.
// Every loop is bounded by the length of the text: nothing that a model writes can hold the page up.

/**
 * @typedef {string
 *   | {type: 'strong' | 'em' | 'strike', children: Inline[]}
 *   | {type: 'code', text: string}
 *   | {type: 'link', address: string, children: Inline[]}
 *   | {type: 'cite', number: number}
 *   | {type: 'break'}} Inline
 */
/** @typedef {{sign: string, length: number, canOpen: boolean, canClose: boolean}} Run a run of `*`, `_` or `~~` that may open or close */
/** @typedef {{inLink?: boolean, citations?: number}} Options citations: how many sources can be pointed at */

/** Runs that wait for their other half; older ones are plain text. It bounds the depth of the tree too. */
const MOST_OPEN = 32;
/** A longer run of signs is a line drawn by hand. */
const MOST_SIGNS = 6;
/** Longest address, in characters. */
const MOST_ADDRESS = 2048;
const ENTITIES = /** @type {Record<string, string>} */ ({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', hellip: '…', mdash: '—', ndash: '–', times: '×', copy: '©' });

const isSpace = (/** @type {string | undefined} */ c) => c === undefined || c === '' || /\s/.test(c);
const isWord = (/** @type {string | undefined} */ c) => c !== undefined && /[\p{L}\p{N}_]/u.test(c);
const isMark = (/** @type {string} */ c) => /[!-/:-@[-`{-~]/.test(c);

/** The address, if it is one that may be opened: http, https and mailto, nothing else. @param {string} text @returns {string | null} */
export function safeAddress(text) {
  const address = text.trim();
  if (address.length > MOST_ADDRESS || /[\s\u0000-\u001f\u007f]/.test(address)) return null;
  if (!/^(https?:\/\/[^/?#]|mailto:[^?]+@)/i.test(address) || !URL.canParse(address)) return null;
  const url = new URL(address);
  return ['http:', 'https:', 'mailto:'].includes(url.protocol) && !url.password ? url.href : null;
}

/** @param {string} text @param {Options} [options] @returns {Inline[]} */
export function inlines(text, options = {}) {
  return new Scanner(text, options).read();
}

/** The words alone. @param {Inline[]} nodes @returns {string} */
export function wordsOf(nodes) {
  return nodes.map((node) => {
    if (typeof node === 'string') return node;
    if (node.type === 'break') return '\n';
    if (node.type === 'cite') return '';
    return node.type === 'code' ? node.text : wordsOf(node.children);
  }).join('');
}

class Scanner {
  at = 0;
  /** @type {(Inline | Run)[]} */
  out = [];
  /** Places in `out` of runs that wait. @type {number[]} */
  open = [];
  plain = '';

  /** @param {string} text @param {Options} options */
  constructor(text, options) {
    this.text = text;
    this.options = options;
    this.codeEnds = codeEnds(text);
    this.brackets = text.includes('[') ? brackets(text, this.codeEnds) : new Map();
  }

  read() {
    const { text } = this;
    while (this.at < text.length) {
      const c = text[this.at];
      const isTaken = c === '\\' ? this.escape()
        : c === '\n' ? this.newline()
          : c === '`' ? this.code()
            : c === '[' ? this.bracket(false)
              : c === '!' && text[this.at + 1] === '[' ? this.bracket(true)
                : c === '【' ? this.marked()
                  : c === '<' ? this.angle()
                    : c === '&' ? this.entity()
                      : c === '*' || c === '_' || c === '~' ? this.run(c)
                        : c === 'h' || c === 'H' ? this.bare() : false;
      if (!isTaken) { this.plain += c; this.at += 1; }
    }
    this.flush();
    return joined(this.out);
  }

  flush() {
    if (this.plain) this.out.push(this.plain);
    this.plain = '';
  }

  /** @param {Inline} node @param {number} to */
  put(node, to) {
    this.flush();
    this.out.push(node);
    this.at = to;
    return true;
  }

  escape() {
    const next = this.text[this.at + 1];
    if (next === '\n') return this.put({ type: 'break' }, this.at + 2);
    if (next === undefined || !isMark(next)) return false;
    this.plain += next;
    this.at += 2;
    return true;
  }

  /** Lines stay as the model wrote them. */
  newline() {
    this.plain = this.plain.trimEnd();
    return this.put({ type: 'break' }, this.at + 1);
  }

  code() {
    const length = runLength(this.text, this.at);
    const end = this.codeEnds.get(this.at);
    if (end === undefined) {
      this.plain += '`'.repeat(length);
      this.at += length;
      return true;
    }
    let inner = this.text.slice(this.at + length, end).replace(/\n/g, ' ');
    if (inner.startsWith(' ') && inner.endsWith(' ') && inner.trim()) inner = inner.slice(1, -1);
    return this.put({ type: 'code', text: inner }, end + length);
  }

  /** A link, a citation, or a bracket. Pictures from elsewhere are never fetched: they become links. @param {boolean} isPicture */
  bracket(isPicture) {
    const { text } = this;
    const from = this.at + (isPicture ? 1 : 0);
    const to = this.brackets.get(from);
    if (to === undefined) return false;
    const inner = text.slice(from + 1, to);
    const number = /^\^?(\d{1,3})$/.exec(inner);
    if (!isPicture && number && text[to + 1] !== '(' && this.isSource(Number(number[1]))) return this.put({ type: 'cite', number: Number(number[1]) }, to + 1);
    const target = text[to + 1] === '(' ? targetOf(text, to + 2) : null;
    if (!target) return false;
    const children = inlines(inner || (isPicture ? 'picture' : target.address), { ...this.options, inLink: true });
    const address = this.options.inLink ? null : safeAddress(target.address);
    if (address) return this.put({ type: 'link', address, children }, target.end);
    this.flush();
    this.out.push(...children);
    this.at = target.end;
    return true;
  }

  /** `【3†source】`, as some models write citations. */
  marked() {
    const found = /^【(\d{1,3})[^】\n]{0,60}】/.exec(this.text.slice(this.at, this.at + 70));
    if (!found) return false;
    if (this.isSource(Number(found[1]))) return this.put({ type: 'cite', number: Number(found[1]) }, this.at + found[0].length);
    return false;
  }

  /** @param {number} number */
  isSource(number) {
    return !this.options.inLink && number >= 1 && number <= (this.options.citations ?? 0);
  }

  /** `<https://…>`, `<a@b.c>` and line breaks; any other markup is text. */
  angle() {
    const head = this.text.slice(this.at, this.at + MOST_ADDRESS + 2);
    const br = /^<br\s?\/?>/i.exec(head);
    if (br) return this.put({ type: 'break' }, this.at + br[0].length);
    if (this.options.inLink) return false;
    const found = /^<((?:https?:\/\/|mailto:)[^\s<>]+|[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+)>/i.exec(head);
    if (!found) return false;
    const address = safeAddress(/^(https?|mailto):/i.test(found[1]) ? found[1] : `mailto:${found[1]}`);
    return address ? this.put({ type: 'link', address, children: [found[1]] }, this.at + found[0].length) : false;
  }

  entity() {
    const found = /^&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,8}));/i.exec(this.text.slice(this.at, this.at + 12));
    if (!found) return false;
    const code = found[1] ? Number(found[1]) : found[2] ? parseInt(found[2], 16) : -1;
    const character = code > 31 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : ENTITIES[found[3]];
    if (!character || !Object.hasOwn(ENTITIES, found[3] ?? 'amp')) return false;
    this.plain += character;
    this.at += found[0].length;
    return true;
  }

  /** An address that simply stands there. */
  bare() {
    if (this.options.inLink || isWord(this.text[this.at - 1])) return false;
    const found = /^https?:\/\/[^\s<>"`]+/i.exec(this.text.slice(this.at, this.at + MOST_ADDRESS + 100));
    if (!found) return false;
    const shown = trimmed(found[0]);
    const address = safeAddress(shown);
    return address ? this.put({ type: 'link', address, children: [shown] }, this.at + shown.length) : false;
  }

  /** @param {string} sign */
  run(sign) {
    const { text } = this;
    const length = runLength(text, this.at);
    const [before, after] = [text[this.at - 1], text[this.at + length]];
    const isInside = sign === '_';
    const run = {
      sign, length,
      canOpen: !isSpace(after) && !(isInside && isWord(before)),
      canClose: !isSpace(before) && !(isInside && isWord(after)),
    };
    if (length > MOST_SIGNS || (sign === '~' && length !== 2)) { this.plain += sign.repeat(length); this.at += length; return true; }
    this.flush();
    this.at += length;
    if (run.canClose) this.close(run);
    if (run.length > 0) {
      if (run.canOpen) {
        this.open.push(this.out.length);
        if (this.open.length > MOST_OPEN) this.open.shift();
      }
      this.out.push(run);
    }
    return true;
  }

  /** Pairs a run with those that wait, nearest first. @param {Run} run */
  close(run) {
    for (let level = this.open.length - 1; level >= 0 && run.length > 0;) {
      const place = this.open[level];
      const opener = /** @type {Run} */ (this.out[place]);
      if (!fits(opener, run)) { level -= 1; continue; }
      const used = Math.min(opener.length, run.length) >= 2 ? 2 : 1;
      const children = joined(this.out.splice(place + 1));
      this.open.length = level + 1;
      opener.length -= used;
      run.length -= used;
      const type = run.sign === '~' ? 'strike' : used === 2 ? 'strong' : 'em';
      if (opener.length === 0) { this.out.pop(); this.open.pop(); level -= 1; }
      this.out.push({ type, children });
    }
  }
}

/** Whether two runs belong together; a run that could do both must not leave a third of itself over. @param {Run} opener @param {Run} closer */
function fits(opener, closer) {
  if (opener.sign !== closer.sign || opener.length === 0) return false;
  const isEither = opener.canClose || closer.canOpen;
  return !(isEither && (opener.length + closer.length) % 3 === 0 && (opener.length % 3 !== 0 || closer.length % 3 !== 0));
}

/** Runs that found no other half are text; neighbouring texts become one. @param {(Inline | Run)[]} nodes @returns {Inline[]} */
function joined(nodes) {
  /** @type {Inline[]} */
  const all = [];
  let text = '';
  for (const node of nodes) {
    if (typeof node === 'string') text += node;
    else if ('sign' in node) text += node.sign.repeat(node.length);
    else {
      if (text) all.push(text);
      text = '';
      all.push(node);
    }
  }
  if (text) all.push(text);
  return all;
}

/** @param {string} text @param {number} at */
function runLength(text, at) {
  let end = at;
  while (text[end] === text[at]) end += 1;
  return end - at;
}

/** For each run of backticks the place of the next one of the same length. @param {string} text @returns {Map<number, number>} */
function codeEnds(text) {
  const ends = new Map();
  /** @type {Map<number, number>} */
  const next = new Map();
  for (let at = text.lastIndexOf('`'); at >= 0; at = at > 0 ? text.lastIndexOf('`', at - 1) : -1) {
    let from = at;
    while (text[from - 1] === '`') from -= 1;
    const length = at - from + 1;
    const end = next.get(length);
    if (end !== undefined) ends.set(from, end);
    next.set(length, from);
    at = from;
  }
  return ends;
}

/** For each opening bracket its closing one, code and escapes left out. @param {string} text @param {Map<number, number>} ends @returns {Map<number, number>} */
function brackets(text, ends) {
  const pairs = new Map();
  /** @type {number[]} */
  const open = [];
  for (let at = 0; at < text.length; at += 1) {
    const c = text[at];
    if (c === '\\') at += 1;
    else if (c === '`') {
      const length = runLength(text, at);
      const end = ends.get(at);
      at = (end ?? at) + length - 1;
    } else if (c === '[') open.push(at);
    else if (c === ']') {
      const from = open.pop();
      if (from !== undefined) pairs.set(from, at);
    }
  }
  return pairs;
}

/** The address in `(address "title")`; parentheses may be in pairs. @param {string} text @param {number} from @returns {{address: string, end: number} | null} */
function targetOf(text, from) {
  const most = Math.min(text.length, from + MOST_ADDRESS);
  let depth = 0;
  for (let at = from; at < most; at += 1) {
    const c = text[at];
    if (c === '\n') return null;
    if (c === '(') depth += 1;
    if (c === ')' && depth-- === 0) {
      const inner = text.slice(from, at).trim().replace(/\s+(?:"[^"]*"|'[^']*')$/, '');
      return { address: inner.startsWith('<') && inner.endsWith('>') ? inner.slice(1, -1) : inner, end: at + 1 };
    }
  }
  return null;
}

/** Without the full stop and the closing bracket of the sentence around it. @param {string} address */
function trimmed(address) {
  let end = address.length;
  let extra = count(address, ')') - count(address, '(');
  for (; end > 0; end -= 1) {
    const c = address[end - 1];
    if (c === ')' && extra > 0) extra -= 1;
    else if (!/[.,:;!?'*_~\]”’。，）]/.test(c)) break;
  }
  return address.slice(0, end);
}

/** @param {string} text @param {string} sign */
const count = (text, sign) => text.split(sign).length - 1;

// @ts-check
// What of a growing answer can be read out: whole sentences only, so that nothing is said twice or by halves. Pure.

/** Ends of sentences in the scripts that have one; a full stop counts only before a space. */
const END = /[.!?…]["'”’)\]*_]*\s|[。！？]|\n/g;

/**
 * How far a text can be read out. Lines of code wait for the end of their block.
 * @param {string} text @param {number} from what was read out already @param {boolean} isWhole nothing follows
 */
export function finished(text, from, isWhole) {
  if (isWhole) return text.length;
  const fences = [...text.matchAll(/^ {0,3}(?:```|~~~)/gm)];
  const most = fences.length % 2 === 1 ? /** @type {number} */ (fences.at(-1)?.index) : text.length;
  let end = from;
  END.lastIndex = from;
  for (let found = END.exec(text); found && END.lastIndex <= most; found = END.exec(text)) {
    if (!isNumbering(text, found.index)) end = END.lastIndex;
  }
  return end;
}

/** `1. ` begins an item of a list; nothing ends there. @param {string} text @param {number} at */
const isNumbering = (text, at) => text[at] === '.' && /(?:^|\n)\s*\d{1,3}$/.test(text.slice(Math.max(0, at - 12), at));

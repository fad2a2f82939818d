// @ts-check
// Texts and pictures that go with a message: what is taken, and what is said of what is not.
/** @import {Attachment, Enclosed} from './types' */
import { size } from './money.js';

export const MOST_FILES = 10;
/** Bytes of one picture; providers take 5 MB at most. */
export const MOST_PICTURE = 5_000_000;
/** Bytes of one text. */
export const MOST_TEXT = 500_000;
/** Bytes of everything with one message. */
export const MOST_ALL = 15_000_000;

const PICTURES = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif']);
const TEXTS = new Set('txt md markdown csv tsv json jsonl xml html htm css js mjs cjs ts tsx jsx py rb rs go java kt c h cc cpp hpp cs php swift sh bash zsh fish ps1 sql toml yaml yml ini cfg conf log tex rst org diff patch svg srt vtt env lua pl r scala dart vue gradle make mk dockerfile'.split(' '));

/** @typedef {{name: string, type: string, size: number}} Like what is known of a file before it is read */

/** @param {string} name */
const endingOf = (name) => (name.includes('.') ? name.slice(name.lastIndexOf('.') + 1) : name).toLowerCase();

/** @param {Like} file @returns {'picture' | 'text' | null} */
export function kindOf({ name, type }) {
  if (PICTURES.has(type)) return 'picture';
  if (type.startsWith('text/') || type === 'application/json' || TEXTS.has(endingOf(name))) return 'text';
  return null;
}

/** What is wrong with a file, in words; empty when it is taken. @param {Like} file @param {Attachment[]} present @param {boolean | null} takesPictures */
export function faultOf(file, present, takesPictures) {
  const kind = kindOf(file);
  if (!kind) return `${file.name} is neither a text nor a picture (PNG, JPEG, WebP, GIF).`;
  if (present.length >= MOST_FILES) return `A message takes ${MOST_FILES} files at most.`;
  if (kind === 'picture' && takesPictures === false) return 'This model takes no pictures. Choose one that does.';
  const most = kind === 'picture' ? MOST_PICTURE : MOST_TEXT;
  if (file.size > most) return `${file.name} is too large: ${size(file.size)}, at most ${size(most)}.`;
  if (file.size === 0) return `${file.name} is empty.`;
  const all = present.reduce((sum, one) => sum + one.data.length, file.size);
  return all > MOST_ALL ? `The files of a message may have ${size(MOST_ALL)} together.` : '';
}

/** Base64 without its head. @param {string} url a data URL */
export const base64Of = (url) => url.slice(url.indexOf(',') + 1);

/** Whether a text was no text after all. @param {string} text */
export const isBinary = (text) => text.slice(0, 4000).includes('\u0000');

/** What files cost as much as. @param {Attachment[]} files @returns {Enclosed} */
export function enclosed(files) {
  const pictures = files.filter((one) => pictureUrl(one) !== '');
  const texts = files.filter((one) => !pictures.includes(one));
  return { pictures: pictures.length, text_bytes: texts.reduce((sum, one) => sum + new Blob([one.data]).size, 0) };
}

/** Where a picture can be shown from. @param {Attachment} attachment */
export const pictureUrl = ({ mime, data }) => (PICTURES.has(mime) ? `data:${mime};base64,${data}` : '');

/** @param {File} file @returns {Promise<Attachment>} rejects when it cannot be read */
export function read(file) {
  const isPicture = kindOf(file) === 'picture';
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onerror = () => reject(new Error(`${file.name} could not be read.`));
    reader.onload = () => {
      const result = String(reader.result);
      if (!isPicture && isBinary(result)) return reject(new Error(`${file.name} is no text.`));
      resolve({ name: file.name || 'picture', mime: isPicture ? file.type : 'text/plain', data: isPicture ? base64Of(result) : result });
    };
    if (isPicture) reader.readAsDataURL(file); else reader.readAsText(file);
  });
}

// @ts-check
// Conversations out of the app and into it: in which form, and where the file is.
/** @import {ExportFormat, HistoryEntry, Transfer} from './types' */
import { titleOf } from './days.js';
import { byId, fill, h, icon } from './dom.js';

/** @typedef {import('./main.js').App} App */

/** What it is called, what is in it, and how its file's name ends. @type {[ExportFormat, string, string, string][]} */
const FORMATS = [
  ['markdown', 'Markdown', 'Readable text', 'md'],
  ['json', 'JSON', 'Everything, one document', 'json'],
  ['json_lines', 'JSON Lines', 'One message a line', 'jsonl'],
  ['srt', 'SRT', 'Subtitles of what was spoken', 'srt'],
  ['vtt', 'VTT', 'Subtitles for the web', 'vtt'],
  ['usage_csv', 'CSV of usage', 'Requests with tokens, times and cost; no words', 'csv'],
];

/** @param {App} app @param {string} title @param {Node[]} body @param {string} yes @param {() => boolean} act */
function sheet(app, title, body, yes, act) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('transfer'));
  const form = h('form', { method: 'dialog', onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); if (act()) dialog.close(); } }, ...body, h('div', { class: 'actions' },
    h('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, 'Cancel'), h('button', { type: 'submit', class: 'button primary' }, yes)));
  fill(dialog, h('header', {}, h('h2', { id: 'transfer-title' }, title), h('button', { type: 'button', class: 'tool', 'aria-label': 'Close', onclick: () => dialog.close() }, icon('close'))), form);
  dialog.showModal();
}

/** A path, typed or chosen in the system's dialog. @param {HTMLInputElement} path @param {() => Promise<string | null>} choose @param {(path: string) => void} [chosen] */
function fileField(path, choose, chosen) {
  const take = async () => {
    button.disabled = true;
    const found = await choose();
    button.disabled = false;
    if (found !== null) {
      path.value = found;
      chosen?.(found);
    }
    path.focus();
  };
  const button = /** @type {HTMLButtonElement} */ (h('button', { type: 'button', class: 'button', onclick: () => void take() }, 'Choose…'));
  return h('div', { class: 'file-field' }, path, button);
}

/** A title as the name of a file, on every system. @param {string} title */
export function fileName(title) {
  const plain = title.replace(/[\\/:*?"<>|\u0000-\u001f]+/g, ' ').replace(/\s+/g, ' ').replace(/^[. ]+|[. ]+$/g, '');
  return [...plain].slice(0, 60).join('').trim() || 'conversation';
}

/** @param {App} app @param {HistoryEntry | null} entry null: all conversations */
export function exportSheet(app, entry) {
  const name = 'export-format';
  const radios = FORMATS.map(([value, words, about], at) => h('label', { class: 'device' }, h('input', { type: 'radio', name, value, checked: at === 0, autofocus: at === 0 }), h('span', { class: 'device-name' }, h('b', {}, words), h('span', { class: 'note' }, ` ${about}`))));
  const format = () => FORMATS[Math.max(0, radios.findIndex((label) => /** @type {HTMLInputElement} */ (label.firstElementChild).checked))];
  const path = /** @type {HTMLInputElement} */ (h('input', { type: 'text', id: 'export-path', class: 'text code', placeholder: 'In the folder of exports', autocomplete: 'off', spellcheck: 'false' }));
  // Whoever chooses a file that is there is asked by the system's dialog.
  let agreed = '';
  const choose = () => app.chooseFile({ purpose: 'save', name: `${entry ? fileName(titleOf(entry)) : 'conversations'}.${format()[3]}` });
  const body = [h('div', { role: 'radiogroup', 'aria-label': 'Format' }, ...radios), h('label', { class: 'sheet-label', for: 'export-path' }, 'File'), fileField(path, choose, (chosen) => { agreed = chosen; })];
  sheet(app, entry ? `Export “${titleOf(entry)}”` : 'Export all conversations', body, 'Export', () => {
    app.send({ do: 'export', ids: entry ? [entry.id] : [], format: format()[0], path: path.value.trim(), replaces: agreed !== '' && path.value === agreed });
    return true;
  });
}

/** @param {App} app */
export function importSheet(app) {
  const path = /** @type {HTMLInputElement} */ (h('input', { type: 'text', id: 'import-path', class: 'text code', placeholder: 'chatgpt-export.zip', autofocus: true, autocomplete: 'off', spellcheck: 'false' }));
  const choose = () => app.chooseFile({ purpose: 'open', name: '' });
  const body = [h('p', { class: 'note' }, 'ChatGPT: Settings → Data controls → Export data. The zip file that you are sent, as it is, or a conversations.json out of it. Or a JSON export of Sidetone.'), h('label', { class: 'sheet-label', for: 'import-path' }, 'Where the file is'), fileField(path, choose)];
  sheet(app, 'Import conversations', body, 'Import', () => {
    if (!path.value.trim()) { path.focus(); return false; }
    app.send({ do: 'import', path: path.value.trim().replace(/^"(.*)"$/, '$1') });
    return true;
  });
}

/** What is said when an export or import is over; empty while it goes on. @param {Transfer} transfer */
export function transferWords({ is_import, is_over, done, path, failure }) {
  if (failure) return `${is_import ? 'The import' : 'The export'} failed: ${failure}`;
  if (!is_over) return '';
  return is_import ? `${done === 1 ? '1 conversation' : `${done} conversations`} imported.` : `Exported to ${path}`;
}

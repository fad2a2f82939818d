// @ts-check
// The conversations at the side: search, pin, rename, delete. Under 760 px the list folds away.
/** @import {HistoryEntry} from './types' */
import { byId, fill, h, icon, say } from './dom.js';
import { groups, titleOf, when } from './days.js';
import { budgetWords } from './money.js';
import { toast } from './problems.js';
import { exportSheet, importSheet } from './transfer.js';

/** @typedef {import('./main.js').App} App */

/** Time without a key press after which is searched, ms. */
const QUIET_MS = 150;
/** Time in which a deletion can be taken back, ms. */
const UNDO_MS = 7000;

/** @param {App} app */
export function history(app) {
  const side = byId('side');
  const list = byId('history');
  const search = /** @type {HTMLInputElement} */ (byId('history-search'));
  const toggle = byId('history-button');
  const spent = byId('spent');
  const menu = byId('history-menu');
  const none = byId('history-none');
  /** Deleted here, not yet in the engine. @type {Map<number, ReturnType<typeof setTimeout>>} */
  const leaving = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let renaming = /** @type {number | null} */ (null);
  let drawn = '';
  /** @type {HTMLElement | null} */
  let menuOpener = null;

  const find = () => app.send({ do: 'find_history', query: search.value.trim() });

  function draw() {
    const { history: all, chat } = app.snapshot;
    const shown = all.filter((entry) => !leaving.has(entry.id));
    const { words, isNear } = budgetWords(chat.budget);
    say(spent, words);
    spent.classList.toggle('near', isNear);
    const now = Date.now();
    const signature = JSON.stringify([shown, chat.conversation, chat.is_answering, renaming, new Date(now).toDateString()]);
    if (signature === drawn || (renaming !== null && document.activeElement instanceof HTMLInputElement && list.contains(document.activeElement))) return;
    drawn = signature;
    const focused = document.activeElement instanceof HTMLElement && list.contains(document.activeElement) ? document.activeElement.dataset.entry : undefined;
    const isSearch = search.value.trim() !== '';
    fill(list, ...groups(shown, now, isSearch).map(({ name, entries }) => h('section', { 'aria-label': name }, h('h3', {}, name),
      h('ul', {}, ...entries.map((entry) => row(entry, now))))));
    none.hidden = shown.length > 0;
    list.hidden = !none.hidden;
    say(none, isSearch ? 'Nothing found.' : 'Conversations stay here.');
    if (focused) /** @type {HTMLElement | null} */ (list.querySelector(`[data-entry="${focused}"]`))?.focus();
  }

  /** @param {HistoryEntry} entry @param {number} now */
  function row(entry, now) {
    if (renaming === entry.id) return h('li', { class: 'entry' }, nameField(entry));
    const isOpen = entry.id === app.snapshot.chat.conversation;
    return h('li', { class: 'entry' },
      h('button', { type: 'button', class: 'entry-open', 'data-entry': entry.id, 'aria-current': isOpen && 'page', title: titleOf(entry), 'aria-label': `${titleOf(entry)}, ${when(entry.at, now)}`, onclick: () => open(entry.id), onkeydown: (/** @type {KeyboardEvent} */ event) => keys(event, entry), ondblclick: () => rename(entry) },
        h('b', {}, entry.is_pinned && icon('pin'), titleOf(entry)), h('time', { datetime: new Date(entry.at).toISOString() }, when(entry.at, now)),
        entry.found.length > 0 && h('span', { class: 'found' }, ...entry.found.map((part) => (part.is_hit ? h('mark', {}, part.text) : part.text)))),
      h('button', { type: 'button', class: 'tool more', 'aria-label': `More for ${titleOf(entry)}`, 'aria-haspopup': 'menu', onclick: (/** @type {Event} */ event) => openMenu(entry, /** @type {HTMLElement} */ (event.currentTarget)) }, icon('more')));
  }

  /** @param {number} id */
  function open(id) {
    fold();
    app.openConversation(id);
  }

  /** @param {KeyboardEvent} event @param {HistoryEntry} entry */
  function keys(event, entry) {
    if (event.key === 'F2') rename(entry);
    else if (event.key === 'Delete') remove(entry);
    else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') step(event.key === 'ArrowDown' ? 1 : -1);
    else return;
    event.preventDefault();
  }

  /** @param {number} by */
  function step(by) {
    const all = /** @type {HTMLElement[]} */ ([...list.querySelectorAll('.entry-open')]);
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (at + by < 0) search.focus(); else all[Math.min(at + by, all.length - 1)]?.focus();
  }

  /** @param {HistoryEntry} entry */
  function rename(entry) {
    renaming = entry.id;
    draw();
    const field = list.querySelector('input');
    field?.focus();
    field?.select();
  }

  /** @param {HistoryEntry} entry */
  function nameField(entry) {
    const field = h('input', { type: 'text', class: 'text', 'aria-label': 'Name of the conversation', maxlength: '200' });
    field.value = titleOf(entry);
    const end = (/** @type {boolean} */ isKept) => {
      if (renaming !== entry.id) return;
      renaming = null;
      const title = field.value.trim();
      if (isKept && title && title !== titleOf(entry)) app.send({ do: 'rename_conversation', id: entry.id, title });
      drawn = '';
      field.blur();
      draw();
      /** @type {HTMLElement | null} */ (list.querySelector(`[data-entry="${entry.id}"]`))?.focus();
    };
    field.addEventListener('keydown', (event) => {
      if (event.isComposing) return;
      if (event.key === 'Enter' || event.key === 'Escape') { event.preventDefault(); event.stopPropagation(); end(event.key === 'Enter'); }
    });
    field.addEventListener('blur', () => end(true));
    return field;
  }

  /** Gone from the list at once, from the disk a little later. @param {HistoryEntry} entry */
  function remove(entry) {
    const isOpen = entry.id === app.snapshot.chat.conversation;
    if (!isOpen) return leave(entry, () => {});
    app.leaveCall('Delete this conversation?', 'Delete', () => {
      app.send({ do: 'new_conversation' });
      leave(entry, () => app.openConversation(entry.id));
    });
  }

  /** @param {HistoryEntry} entry @param {() => void} back what else comes back with it */
  function leave(entry, back) {
    const gone = () => { leaving.delete(entry.id); app.send({ do: 'delete_conversation', id: entry.id }); };
    leaving.set(entry.id, setTimeout(gone, UNDO_MS));
    draw();
    toast(`“${titleOf(entry)}” is deleted.`, { label: 'Undo', act: () => { clearTimeout(leaving.get(entry.id)); leaving.delete(entry.id); draw(); back(); } });
  }
  window.addEventListener('pagehide', () => { for (const id of leaving.keys()) app.send({ do: 'delete_conversation', id }); });

  /** @param {HistoryEntry} entry @param {HTMLElement} opener */
  function openMenu(entry, opener) {
    menuOpener = opener;
    const choice = (/** @type {string} */ name, /** @type {string} */ words, /** @type {() => void} */ act, tone = '') =>
      h('button', { type: 'button', role: 'menuitem', tabindex: '-1', class: tone, onclick: () => { closeMenu(); act(); } }, icon(name), words);
    fill(menu,
      choice('pin', entry.is_pinned ? 'Unpin' : 'Pin', () => app.send({ do: 'pin_conversation', id: entry.id, is_pinned: !entry.is_pinned })),
      choice('edit', 'Rename', () => rename(entry)),
      choice('out', 'Export…', () => exportSheet(app, entry)),
      choice('trash', 'Delete', () => remove(entry), 'danger'));
    menu.hidden = false;
    const box = opener.getBoundingClientRect();
    menu.style.setProperty('top', `${Math.min(box.bottom + 2, window.innerHeight - menu.offsetHeight - 8)}px`);
    menu.style.setProperty('left', `${Math.max(8, Math.min(box.right - menu.offsetWidth, window.innerWidth - menu.offsetWidth - 8))}px`);
    /** @type {HTMLElement} */ (menu.firstElementChild)?.focus();
  }

  function closeMenu() {
    if (menu.hidden) return false;
    menu.hidden = true;
    menuOpener?.focus();
    return true;
  }
  menu.addEventListener('keydown', (event) => {
    const all = /** @type {HTMLElement[]} */ ([...menu.children]);
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) all[(all.indexOf(/** @type {HTMLElement} */ (document.activeElement)) + by + all.length) % all.length].focus();
    else if (event.key === 'Home') all[0].focus();
    else if (event.key === 'End') all.at(-1)?.focus();
    else if (event.key === 'Escape' || event.key === 'Tab') closeMenu();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  document.addEventListener('pointerdown', (event) => {
    if (!menu.hidden && event.target instanceof Node && !menu.contains(event.target)) menu.hidden = true;
    const isOutside = event.target instanceof Node && !side.contains(event.target) && !toggle.contains(event.target) && !menu.contains(event.target);
    if (isOutside && side.hasAttribute('data-open')) fold();
  });

  function fold() {
    side.removeAttribute('data-open');
    toggle.setAttribute('aria-expanded', 'false');
  }
  function unfold() {
    side.setAttribute('data-open', '');
    toggle.setAttribute('aria-expanded', 'true');
  }

  search.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(find, QUIET_MS); });
  search.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown') { event.preventDefault(); step(1); }
    if (event.key === 'Enter') { event.preventDefault(); /** @type {HTMLElement | null} */ (list.querySelector('.entry-open'))?.click(); }
    if (event.key === 'Escape' && search.value) { event.preventDefault(); event.stopPropagation(); search.value = ''; void find(); }
  });
  toggle.addEventListener('click', () => { if (side.hasAttribute('data-open')) fold(); else { unfold(); search.focus(); } });
  byId('export-all').addEventListener('click', () => exportSheet(app, null));
  byId('import').addEventListener('click', () => importSheet(app));
  byId('side-new').addEventListener('click', () => { fold(); app.newConversation(); });
  void find();

  return {
    draw,
    search() { unfold(); search.focus(); search.select(); },
    /** Closes what is in front, if anything is. */
    close() {
      if (closeMenu()) return true;
      if (!side.hasAttribute('data-open')) return false;
      fold();
      toggle.focus();
      return true;
    },
  };
}

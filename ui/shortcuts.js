// @ts-check
// Keys of the whole window, and the sheet that lists them.
import { byId, fill, h, icon, kbd, takesText } from './dom.js';
import { isOn } from './state.js';
import { COMMAND, isMac } from './words.js';
import { zoom } from './zoom.js';

/** @typedef {import('./main.js').App} App */

/** @type {[string, string[]][]} */
const LIST = [
  ['Talk while held; tap to lock. With an open microphone: hold while you think', ['Space']],
  ['Stop the answer, or discard what you are saying', ['Esc']],
  ['Start or end the call', [COMMAND, 'J']],
  ['Mute or unmute', [COMMAND, 'Shift', 'M']],
  ['Captions on or off', [COMMAND, 'Shift', 'C']],
  ['New chat', [COMMAND, 'N']],
  ['Choose a model', [COMMAND, 'K']],
  ['Find in this conversation; from one match to the next', [COMMAND, 'F', 'G']],
  ['Search conversations', [COMMAND, 'Shift', 'F']],
  ['Edit the last message, from an empty field', ['↑']],
  ['Settings', [COMMAND, ',']],
  ['Larger, smaller, normal size', [COMMAND, '+', '−', '0']],
  ['Send the message', ['Enter']],
  ['New line in the message', ['Shift', 'Enter']],
  ['Make a picture of what follows; Tab completes it', ['/image']],
  ['This list', ['?']],
];

export function shortcutList() {
  return h('dl', { class: 'keys' }, ...LIST.map(([what, keys]) => h('div', {}, h('dt', {}, what), h('dd', {}, ...keys.map(kbd)))));
}

/** @param {App} app */
export function shortcuts(app) {
  const sheet = /** @type {HTMLDialogElement} */ (byId('shortcuts'));
  fill(sheet, h('header', {}, h('h2', { id: 'shortcuts-title' }, 'Shortcuts'),
    h('button', { type: 'button', class: 'tool', 'aria-label': 'Close', onclick: () => sheet.close() }, icon('close'))), shortcutList());
  sheet.addEventListener('click', (event) => { if (event.target === sheet) sheet.close(); });

  const size = zoom();
  /** @type {Record<string, () => void>} */
  const commands = {
    j: () => app.send({ do: isOn(app.snapshot.call) ? 'hang_up' : 'call' }),
    n: () => app.newConversation(),
    k: () => { if (app.view !== 'first-run') app.picker.open(); },
    f: () => { if (app.view === 'settings') app.settings.search(); else if (app.view === 'talk') app.find.open(); },
    g: () => app.find.step(1),
    'shift+g': () => app.find.step(-1),
    'shift+f': () => { if (app.view === 'talk') app.history.search(); },
    ',': () => app.openSettings(),
    '+': () => size.change(1),
    '=': () => size.change(1),
    'shift++': () => size.change(1),
    '-': () => size.change(-1),
    0: () => size.reset(),
    'shift+m': () => app.send({ do: 'mute', is_muted: !app.snapshot.call.is_muted }),
    'shift+c': () => app.configure({ appearance: { captions: !app.snapshot.settings.appearance.captions } }),
  };

  window.addEventListener('keydown', (event) => {
    if (event.isComposing || document.querySelector('dialog[open]')) return;
    const isCommand = isMac ? event.metaKey : event.ctrlKey;
    if (isCommand && !event.altKey) {
      const command = commands[`${event.shiftKey ? 'shift+' : ''}${event.key.toLowerCase()}`];
      if (!command || event.repeat) return;
      event.preventDefault();
      return command();
    }
    if (event.key === 'F3') {
      event.preventDefault();
      app.find.step(event.shiftKey ? -1 : 1);
    } else if (event.key === 'F1' || (event.key === '?' && !takesText(event.target))) {
      event.preventDefault();
      sheet.showModal();
    } else if (event.key === '/' && app.view === 'talk' && !takesText(event.target)) {
      event.preventDefault();
      app.history.search();
    } else if (event.key === 'Escape' && !event.repeat) {
      if (escape(app)) event.preventDefault();
    }
  });
}

/** Closes what is in front; then stops or discards; then leaves the text field. @param {App} app */
function escape(app) {
  if (app.closeFront()) return true;
  const { talk, mode } = app.snapshot.call;
  if (app.snapshot.chat.is_answering) app.send({ do: 'stop_answer' });
  else if (talk === 'listening') app.send({ do: mode === 'open' ? 'stop' : 'discard' });
  else if (talk === 'thinking' || talk === 'speaking') app.send({ do: 'stop' });
  else if (takesText(document.activeElement)) /** @type {HTMLElement} */ (document.activeElement).blur();
  else return false;
  return true;
}

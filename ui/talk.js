// @ts-check
// The talk button: its five states, the words above it, and everything that holds it.
/** @import {Snapshot} from './types' */
import { keyHolder } from './voices.js';
import { byId, fill, h, kbd, takesSpace, takesText } from './dom.js';
import { Hold } from './hold.js';
import { COMMAND, capital } from './words.js';
import { wording } from './problems.js';

/** @typedef {import('./main.js').App} App */

/** @param {App} app */
export function talk(app) {
  const [button, state, status, hint] = ['talk', 'talk-state', 'status', 'hint'].map((id) => byId(id));
  const signs = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('.live'));
  const hold = new Hold({
    press() { button.dataset.pressed = ''; app.send({ do: 'press' }); },
    release() { delete button.dataset.pressed; app.send({ do: 'release' }); },
    letGo() { delete button.dataset.pressed; app.send({ do: 'let_go' }); },
  });
  let drawn = '';
  holdByPointer(button, hold);
  warmUp(app, button);
  holdByKey(button, hold, app);

  function draw() {
    const { call } = app.snapshot;
    button.dataset.talk = call.talk;
    state.dataset.talk = call.talk;
    button.toggleAttribute('data-locked', call.talk === 'listening' && call.is_locked);
    for (const sign of signs) sign.hidden = !call.is_live;
    const [word, connection, reason] = stateWords(app.snapshot);
    const isTyping = takesText(document.activeElement);
    const signature = JSON.stringify([word, connection, reason, hintKey(app.snapshot), isTyping]);
    if (signature === drawn) return;
    drawn = signature;
    const spoken = [word, connection].filter(Boolean).join(' · ') + reason;
    if (status.textContent !== spoken) fill(status, word && h('b', {}, word), word && connection && ' · ', connection && h('span', { class: 'connection' }, connection), reason);
    fill(hint, ...hintOf(app.snapshot, isTyping));
  }

  document.addEventListener('focusin', draw);
  document.addEventListener('focusout', () => queueMicrotask(draw));
  return { draw };
}

/** @param {HTMLElement} button @param {Hold} hold */
function holdByPointer(button, hold) {
  let wasPointer = false;
  button.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    wasPointer = true;
    button.setPointerCapture(event.pointerId);
    hold.down('pointer');
  });
  for (const name of ['pointerup', 'pointercancel', 'lostpointercapture']) {
    button.addEventListener(name, () => hold.up('pointer'));
  }
  // A click without a pointer comes from assistive technology: a tap, which locks.
  button.addEventListener('click', () => {
    if (!wasPointer) { hold.down('click'); hold.up('click'); }
    wasPointer = false;
  });
  button.addEventListener('contextmenu', (event) => event.preventDefault());
}

/** @param {HTMLElement} button @param {Hold} hold @param {App} app */
function holdByKey(button, hold, app) {
  const isTalkKey = (/** @type {KeyboardEvent} */ event) => event.code === 'Space' || event.key === ' ' || event.key === 'Enter';
  const sourceOf = (/** @type {KeyboardEvent} */ event) => (event.key === 'Enter' ? 'enter' : 'space');

  window.addEventListener('keydown', (event) => {
    if (!isTalkKey(event) || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const isOnButton = event.target === button;
    if (!isOnButton && (event.key === 'Enter' || takesSpace(event.target))) return;
    if (!app.canTalkByKey()) return;
    event.preventDefault();
    if (event.repeat && hold.isHeld) return hold.down(sourceOf(event));
    if (!event.repeat) hold.down(sourceOf(event));
  });
  window.addEventListener('keyup', (event) => {
    if (!isTalkKey(event)) return;
    if (event.target === button) event.preventDefault();
    hold.up(sourceOf(event), { hasGrace: true });
  }, true);
  window.addEventListener('blur', () => hold.lose());
  document.addEventListener('visibilitychange', () => { if (document.hidden) hold.lose(); });
}

/** The state's word and, while there is something to say, the connection's, with the reason. @param {Snapshot} snapshot @returns {[string, string, string]} */
export function stateWords(snapshot) {
  const { call } = snapshot;
  const word = capital(call.talk);
  const { link } = call;
  if (link.state === 'connecting') return call.talk === 'ready' ? ['', 'Connecting…', ''] : [word, 'Connecting…', ''];
  if (link.state === 'reconnecting') {
    const again = `Reconnecting (${link.attempt} of ${link.of})…`;
    const reason = ` ${wording(link.problem, snapshot).what}`;
    return call.talk === 'ready' ? ['', again, reason] : [word, again, reason];
  }
  return [word, '', ''];
}

/** What the hint depends on. @param {Snapshot} snapshot */
function hintKey({ call, problem, chat }) {
  return [chat.is_answering, call.talk, call.mode, call.is_locked, call.is_floor_held, call.link.state, problem?.code];
}

/** What a key press will do now. @param {Snapshot} snapshot @param {boolean} isTyping @returns {(Node | string)[]} */
function hintOf(snapshot, isTyping) {
  const { call, problem } = snapshot;
  const space = kbd('Space');
  const esc = kbd('Esc');
  const isOpen = call.mode === 'open';
  switch (call.talk) {
    case 'ready':
      if (snapshot.chat.is_answering) return [esc, ' stops the answer'];
      if (isTyping) return [kbd('Enter'), ' sends your message, ', esc, ' goes back to talking'];
      if (!isOpen) return ['hold ', space, ' to talk, or tap it to lock'];
      return call.link.state === 'idle' ? ['press ', space, ' to open the microphone'] : ['just speak'];
    case 'listening':
      if (call.is_floor_held) return ['take your time: it is answered when you let go of ', space];
      if (isOpen) return ['pause to send, or hold ', space, ' while you think'];
      if (call.is_locked) return ['Locked: tap again to send, ', esc, ' to discard'];
      return ['let go of ', space, ' to send, ', esc, ' to discard'];
    case 'thinking':
      return isOpen || isTyping ? [esc, ' to stop'] : ['hold ', space, ' to add to it, ', esc, ' to stop'];
    case 'speaking':
      if (isTyping) return [esc, ' to stop'];
      return isOpen ? ['speak or hold ', space, ' to interrupt'] : ['hold ', space, ' to interrupt, ', esc, ' to stop'];
    case 'muted':
      return ['the call goes on, ', kbd(COMMAND), kbd('Shift'), kbd('M'), ' to unmute'];
    case 'blocked':
      return [problem ? wording(problem, snapshot).what : 'see the settings'];
  }
}

/**
 * A talk button that is near is soon pressed: the connection may be opened meanwhile. The keychain is not touched for
 * that: when only the window comes to the front, the key has to be known to be there.
 * @param {App} app @param {HTMLElement} button
 */
function warmUp(app, button) {
  const warm = () => app.send({ do: 'warm' });
  for (const name of ['pointerenter', 'focus']) button.addEventListener(name, warm);
  addEventListener('focus', () => {
    const { call, credentials } = app.snapshot;
    const place = credentials.find((one) => one.holder === keyHolder(app.snapshot))?.place ?? 'unknown';
    if (call.provider === 'practice' || ['stored', 'environment', 'session_only'].includes(place)) warm();
  });
}

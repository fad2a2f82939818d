// @ts-check
// Recording: the sign that is there as long as it runs, turns that can be heard again, and the list of recordings.
/** @import {Recording, Take} from './types' */
import { ask, byId, fill, h, icon, say, ticker } from './dom.js';
import { dateOf, elapsed } from './words.js';

/** @typedef {import('./main.js').App} App */

/** How often a running time is drawn, ms. */
const TICK = 250;

/** @param {App} app */
export function recording(app) {
  const slot = byId('recording');
  const record = byId('record');
  const sheet = /** @type {HTMLDialogElement} */ (byId('recordings'));
  /** Play buttons by item: they stay the same elements, so that none loses the focus. @type {Map<number, HTMLButtonElement>} */
  const buttons = new Map();

  const sign = h('b', {});
  const clock = h('span', { class: 'recording-time', 'aria-hidden': 'true' });
  const consent = h('span', { class: 'recording-consent' });
  const back = h('button', { type: 'button', class: 'button small', title: 'Hear the last 10 seconds', 'aria-label': '10 seconds back', onclick: () => app.send({ do: 'replay_back' }) }, '−10 s');
  const stop = h('button', { type: 'button', class: 'button small', onclick: () => app.send({ do: 'stop_replay' }) }, 'Stop playing');
  const list = h('button', { type: 'button', class: 'button small', onclick: openSheet }, 'Recordings');
  const strip = h('div', { class: 'recording', hidden: true }, h('i', { class: 'dot' }), h('p', {}, sign, clock, consent), h('span', { class: 'actions' }, back, stop, list));
  fill(slot, strip);
  let announced = '';

  record.addEventListener('click', () => app.send({ do: 'record', is_on: !now().is_on }));
  sheet.addEventListener('click', (event) => { if (event.target === sheet) sheet.close(); });
  const run = ticker(TICK, tick);

  const now = () => app.snapshot.recording;

  function tick() {
    const { since, replay } = now();
    run(replay !== null || since !== null);
    if (replay) say(clock, replay.since === null ? '' : `${elapsed(Math.min(Date.now() - replay.since, replay.to_ms - replay.from_ms))} of ${elapsed(replay.to_ms - replay.from_ms)}`);
    else say(clock, since === null ? '' : elapsed(Date.now() - since));
  }

  function draw() {
    const state = now();
    const { call } = app.snapshot;
    const [what, about] = words(state);
    record.setAttribute('aria-pressed', String(state.is_on));
    record.title = state.is_on ? 'Stop recording' : 'Record';
    strip.hidden = !state.is_on && state.takes.length === 0 && !state.replay;
    strip.dataset.state = state.replay ? 'replay' : state.since !== null ? 'live' : state.is_on ? 'armed' : 'over';
    say(sign, what);
    say(consent, about);
    if (!state.replay) announce(state.is_on ? `${what}. ${about}` : '');
    const isQuiet = ['ready', 'muted', 'blocked'].includes(call.talk);
    back.hidden = state.takes.length === 0;
    back.disabled = !isQuiet || !hasSound(state);
    stop.hidden = !state.replay;
    list.hidden = state.takes.length === 0;
    tick();
    drawButtons(state, isQuiet);
    if (sheet.open) drawSheet();
  }

  /** The sign changes each second and is not read out; this is, once. @param {string} words empty: it is off */
  function announce(words) {
    if (words === announced) return;
    announced = words;
    const line = h('p', {}, words || 'Recording stopped.');
    byId('announcer').append(line);
    setTimeout(() => line.remove(), 10_000);
  }

  /** @param {Recording} state @param {boolean} isQuiet */
  function drawButtons(state, isQuiet) {
    for (const [id, button] of buttons) {
      const isPlaying = state.replay?.item === id;
      const label = isPlaying ? 'Stop playing this turn' : 'Play this turn again';
      if (button.title !== label) fill(button, icon(isPlaying ? 'stop' : 'play'), h('span', {}, isPlaying ? 'Stop' : 'Play'));
      button.title = label;
      button.setAttribute('aria-label', label);
      button.disabled = !isPlaying && !isQuiet;
    }
  }

  /** @param {number} id */
  const isRecorded = (id) => now().turns.some((turn) => turn.item === id);

  /** The play button of a recorded turn. @param {number} id */
  function button(id) {
    if (!isRecorded(id)) return null;
    let known = buttons.get(id);
    if (!known) {
      known = h('button', { type: 'button', class: 'replay', onclick: () => app.send(now().replay?.item === id ? { do: 'stop_replay' } : { do: 'replay', item: id }) });
      buttons.set(id, known);
    }
    return known;
  }

  function openSheet() {
    drawSheet();
    sheet.showModal();
  }

  function drawSheet() {
    const state = now();
    const rows = state.takes.map((take) => h('li', {},
      h('span', { class: 'take-name' }, take.name, h('time', { datetime: new Date(take.began).toISOString() }, dateOf(take.began))),
      h('span', { class: 'take-length' }, take.duration_ms === null ? 'recording now' : elapsed(take.duration_ms)),
      h('button', { type: 'button', class: 'button small danger', 'aria-label': `Delete ${take.name}`, onclick: () => remove(take) }, 'Delete')));
    fill(sheet, h('header', {}, h('h2', { id: 'recordings-title' }, 'Recordings of this conversation'),
      h('button', { type: 'button', class: 'tool', 'aria-label': 'Close', title: 'Close', onclick: () => sheet.close() }, icon('close'))),
    rows.length > 0 ? h('ul', { class: 'takes' }, ...rows) : h('p', { class: 'note' }, 'There are none.'),
    h('p', { class: 'note' }, 'Ogg Opus in stereo: you are left, the answer is right. The list of turns stands beside each file.'),
    h('div', { class: 'actions' }, h('button', { type: 'button', class: 'button', onclick: () => app.openRecordings() }, 'Open folder')));
  }

  /** @param {Take} take */
  function remove(take) {
    sheet.close();
    ask('Delete this recording?', `${take.name} and its list of turns are deleted for good.`, 'Delete', 'Keep it', () => app.send({ do: 'delete_recording', name: take.name }));
  }

  return { draw, button, isRecorded };
}

/** Whether there is something to go back to. @param {Recording} state */
const hasSound = (state) => state.since !== null || state.takes.some((take) => take.duration_ms !== null);

/** @param {Recording} state @returns {[string, string]} */
function words(state) {
  if (state.replay) return ['Playing', state.replay.item === null ? 'the last seconds' : 'a turn again'];
  if (state.since !== null) return ['Recording', 'Both voices are kept on this computer. Everyone in the room should know.'];
  if (state.is_on) return ['Recording is on', 'It begins with the call. Everyone in the room should know.'];
  const count = state.takes.length;
  return [count === 1 ? 'Recorded' : `${count} recordings`, 'Any turn can be played again.'];
}

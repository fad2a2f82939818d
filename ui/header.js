// @ts-check
// Title, who answers and which way, time to first sound, length of the call, what waits.
import { byId, fill, icon, say, ticker } from './dom.js';
import { branch, firstWords, isOn, title } from './state.js';
import { elapsed, latency, route } from './words.js';

/** @typedef {import('./main.js').App} App */

const LINK_WORDS = { idle: 'no call', connecting: 'connecting', live: 'connected', reconnecting: 'reconnecting' };

/** @param {App} app */
export function header(app) {
  const [dot] = byId('route-chip').getElementsByTagName('i');
  const chip = (/** @type {string} */ id) => /** @type {HTMLElement} */ (byId(id).querySelector('b'));
  const callButton = byId('call');
  const mute = byId('mute');

  byId('route-chip').addEventListener('click', () => app.openSettings('voice'));
  byId('settings-button').addEventListener('click', () => app.openSettings());
  byId('new').addEventListener('click', () => app.newConversation());
  callButton.addEventListener('click', () => app.send({ do: isCalling() ? 'hang_up' : 'call' }));
  mute.addEventListener('click', () => app.send({ do: 'mute', is_muted: !app.snapshot.call.is_muted }));
  byId('turn-taking').addEventListener('click', (event) => {
    if (event.target instanceof HTMLInputElement) app.configure({ call: { mode: event.target.value } });
  });
  const run = ticker(1000, clock);

  const isCalling = () => isOn(app.snapshot.call);

  function clock() {
    const { started_at: since } = app.snapshot.call;
    run(since !== null);
    byId('timer').hidden = since === null;
    if (since !== null) say(chip('timer'), elapsed(Date.now() - since));
  }

  function draw() {
    const { call, items, chat } = app.snapshot;
    const [model, way] = route(call);
    const name = chat.title.trim() || firstWords(branch(app.snapshot)) || title(items);
    say(byId('title'), name);
    byId('title').title = name;
    say(byId('route-model'), model);
    say(byId('route-way'), way);
    byId('route-chip').title = `Voice: ${model} ${way}`;
    say(byId('route-link'), `, ${LINK_WORDS[call.link.state]}. Change`);
    dot.dataset.link = call.link.state;
    byId('first-sound').hidden = call.first_sound_ms === null;
    if (call.first_sound_ms !== null) say(chip('first-sound'), latency(call.first_sound_ms));
    byId('waiting').hidden = call.waiting === 0;
    say(chip('waiting'), String(call.waiting));
    clock();
    drawButtons();
  }

  function drawButtons() {
    const { call } = app.snapshot;
    const label = isCalling() ? 'End call' : 'Start call';
    if (callButton.title !== label) fill(callButton, icon(isCalling() ? 'end' : 'call'));
    callButton.setAttribute('aria-label', label);
    callButton.title = label;
    callButton.classList.toggle('hang-up', isCalling());
    mute.setAttribute('aria-pressed', String(call.is_muted));
    mute.title = call.is_muted ? 'Unmute' : 'Mute';
    for (const radio of byId('turn-taking').querySelectorAll('input')) radio.checked = radio.value === call.mode;
  }

  return { draw };
}

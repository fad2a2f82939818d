// @ts-check
// First run: four calm steps. Each can be skipped, left and taken up again, and run again from the settings.
import { deviceList } from './devices.js';
import { byId, fill, h, icon, kbd, say } from './dom.js';
import { keyCard } from './keycard.js';
import { isInTheWay, soundCheck } from './soundcheck.js';

/** @typedef {import('./main.js').App} App */
/** @typedef {'welcome' | 'key' | 'sound' | 'hello'} Step */

/** @type {Step[]} */
const STEPS = ['welcome', 'key', 'sound', 'hello'];
const PLACE = 'first-run-step';

/** @param {App} app */
export function firstRun(app) {
  const view = byId('first-run');
  const key = keyCard(app, 'openai', { isBare: true });
  const sound = soundCheck(app);
  const microphones = deviceList(app, 'input');
  /** @type {Step} */
  let step = 'welcome';
  let wasGood = false;

  /** @param {string} words @param {() => void} act @param {string} [kind] */
  const button = (words, act, kind = '') => h('button', { type: 'button', class: `button large ${kind}`, onclick: act }, words);
  /** @param {string} words @param {() => void} act */
  const skip = (words, act) => h('button', { type: 'button', class: 'plain quiet', onclick: act }, words);

  const next = button('Skip for now', () => go('hello'));

  const withKey = button('Skip for now', useKey);
  const withoutKey = skip('Try without a key', practise);

  const pages = {
    welcome: () => [
      icon('brand'),
      h('h1', {}, 'Talk with AI by voice'),
      h('p', { class: 'lead' }, 'Hold a key, speak, hear the answer. Your voice leaves this computer only while the LIVE sign is on, and only to the service you choose.'),
      h('div', { class: 'choices' }, button('Try without a key', practise, 'primary'), button('I have an OpenAI key', () => go('key'))),
      skip('Skip these steps', finish),
    ],
    key: () => [
      h('h1', {}, 'Paste your OpenAI key'),
      h('p', { class: 'lead' }, 'It goes into the keychain of this system and is sent only to OpenAI, or to the gateway you set up.'),
      key.element,
      h('div', { class: 'choices' }, withKey),
      withoutKey,
    ],
    sound: () => [
      h('h1', {}, 'Can we hear you?'),
      h('p', { class: 'lead' }, 'Sidetone needs the microphone to hear you. This check stays on this computer.'),
      sound.element,
      microphones.element,
      h('div', { class: 'choices' }, sound.button, next),
    ],
    hello: () => [
      h('div', { class: 'big-key', 'aria-hidden': 'true' }, kbd('Space')),
      h('h1', {}, 'Hold Space and say hello'),
      h('p', { class: 'lead' }, 'Let go when you are done: that sends it. You can type at any time, and ', kbd('?'), ' lists all keys.'),
      h('div', { class: 'choices' }, button('Open Sidetone', finish, 'primary')),
    ],
  };

  const keyThere = () => app.snapshot.credentials.find(({ holder, place }) => holder === 'openai' && ['stored', 'environment', 'session_only'].includes(place));

  function useKey() {
    if (keyThere()) app.configure({ call: { provider: 'openai' } });
    go('sound');
  }

  function practise() {
    app.configure({ call: { provider: 'practice' } });
    go('sound');
  }

  /** @param {Step} next */
  function go(next) {
    if (step === 'sound' && app.snapshot.sound_check) app.send({ do: 'end_sound_check' });
    key.clear();
    step = next;
    localStorage.setItem(PLACE, step);
    show();
  }

  function finish() {
    if (app.snapshot.sound_check) app.send({ do: 'end_sound_check' });
    localStorage.removeItem(PLACE);
    app.configure({ first_run: { is_done: true } });
    app.show('talk');
  }

  function show() {
    const at = STEPS.indexOf(step);
    const back = at > 0 && h('button', { type: 'button', class: 'tool back', 'aria-label': 'Back', title: 'Back', onclick: () => go(STEPS[at - 1]) }, icon('back'));
    fill(view, back, h('div', { class: 'step', 'data-step': step }, ...pages[step]()),
      h('ol', { class: 'progress', 'aria-label': `Step ${at + 1} of ${STEPS.length}` }, ...STEPS.map((_, n) => h('li', n === at ? { 'aria-current': 'step' } : {}))));
    if (step === 'key') app.send({ do: 'check_keys' });
    if (step === 'sound') app.send({ do: 'find_devices' });
    draw();
    const first = step === 'key' ? key.input : step === 'hello' ? null : view.querySelector('.step .button');
    if (first instanceof HTMLElement) first.focus({ preventScroll: true });
  }

  function draw() {
    if (view.hidden) return;
    drawKey();
    sound.draw();
    microphones.draw();
    const check = app.snapshot.sound_check;
    const isDone = check?.phase === 'done';
    const isGood = isDone && check.verdict === 'good';
    microphones.element.hidden = !(isInTheWay(app.snapshot) && !check) && !(isDone && !isGood);
    sound.button.classList.toggle('primary', !check || (isDone && !isGood));
    if (isGood && !next.classList.contains('primary') && document.activeElement === sound.button) next.focus();
    next.classList.toggle('primary', isGood);
    say(next, isGood ? 'Continue' : isDone ? 'Continue anyway' : 'Skip for now');
  }

  function drawKey() {
    key.draw();
    const there = keyThere();
    const isRefused = there?.test?.is_valid === false;
    const isGood = there?.test?.is_valid === true && !key.input.value;
    if (isGood && !wasGood && document.activeElement === key.input) withKey.focus();
    wasGood = isGood;
    withKey.classList.toggle('primary', there !== undefined && !isRefused);
    say(withKey, !there ? 'Skip for now' : isRefused ? 'Continue anyway' : 'Continue');
    withoutKey.hidden = !there;
  }

  return {
    view,
    draw,
    finish,
    /** Whether holding Space now is what this step asks for. */
    get isWaitingForTalk() { return !view.hidden && step === 'hello'; },
    /** @param {{fromStart?: boolean}} [options] */
    open({ fromStart = false } = {}) {
      const place = /** @type {Step} */ (localStorage.getItem(PLACE));
      step = !fromStart && STEPS.includes(place) ? place : 'welcome';
      show();
    },
  };
}

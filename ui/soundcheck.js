// @ts-check
// The sound check: speak for 5 s, hear yourself, read a verdict; then measure the room. Used wherever devices are chosen.
/** @import {Code, Snapshot, SoundCheck, Verdict} from './types' */
import { fill, h, icon, say, svg } from './dom.js';
import { level } from './meters.js';
import { wording } from './problems.js';
import { roomCheck } from './room.js';

/** @typedef {import('./main.js').App} App */

const PHASE_SECONDS = 5;
const BARS = 28;
/** Time between two bars of the picture, ms. */
const BAR_MS = 90;

/** Problems that explain why a check cannot run. @type {Code[]} */
const IN_THE_WAY = ['no_microphone', 'microphone_refused', 'microphone_silent', 'no_speaker', 'device_lost'];

/** @type {Record<Verdict, [string, string]>} */
const VERDICTS = {
  good: ['Clear and loud enough.', 'You are ready to talk.'],
  quiet: ['Heard, but quiet.', 'Come closer, or turn the microphone up in the sound settings of the system.'],
  clipping: ['Too loud: it distorts.', 'Move back a little, or turn the microphone down.'],
  silent: ['Nothing but silence.', 'It may be muted by a switch of its own. Try another microphone.'],
  noisy: ['The room is nearly as loud as you.', 'A quieter place or a headset helps.'],
};

/** @param {App} app */
export function soundCheck(app) {
  const arc = svg('circle', { class: 'ring-arc', cx: 60, cy: 60, r: 56, pathLength: 100, 'stroke-dasharray': '0 100' });
  const centre = h('span', { class: 'ring-word' });
  const bars = Array.from({ length: BARS }, () => h('i'));
  const picture = h('div', { class: 'check-picture', 'aria-hidden': 'true' },
    h('div', { class: 'check-bars' }, ...bars.slice(0, BARS / 2)),
    h('div', { class: 'ring' }, svg('svg', { viewBox: '0 0 120 120' }, svg('circle', { class: 'ring-track', cx: 60, cy: 60, r: 56 }), arc), centre),
    h('div', { class: 'check-bars' }, ...bars.slice(BARS / 2)));
  const words = h('p', { class: 'check-words', 'aria-live': 'polite' });
  const facts = h('p', { class: 'check-facts' });
  const button = h('button', { type: 'button', class: 'button', onclick: () => app.send({ do: isRunning() ? 'end_sound_check' : 'sound_check' }) });
  const room = roomCheck(app);
  const element = h('div', { class: 'check' }, picture, words, facts, button, room.element);

  /** Newest first. @type {number[]} */
  let heights = new Array(BARS / 2).fill(0);
  let last = 0;
  const isRunning = () => ['listening', 'playing'].includes(spokenPart(app.snapshot)?.phase ?? '');

  app.meters.listen(({ input, output }) => {
    const check = spokenPart(app.snapshot);
    if (!element.isConnected || (!check && heights[0] === 0)) return;
    const time = performance.now();
    if (time - last < BAR_MS) return;
    last = time;
    heights = [check?.phase === 'playing' ? output : isRunning() ? input : 0, ...heights.slice(0, -1)];
    heights.forEach((height, at) => {
      level(bars[BARS / 2 - 1 - at], height);
      level(bars[BARS / 2 + at], height);
    });
  });

  /** @param {SoundCheck | null} check */
  function progress(check) {
    const done = !check ? 0 : check.phase === 'done' ? 1 : 1 - check.seconds_left / PHASE_SECONDS;
    arc.setAttribute('stroke-dasharray', `${Math.min(100, Math.max(0, done * 100)).toFixed(1)} 100`);
  }

  function draw() {
    room.draw();
    const check = spokenPart(app.snapshot);
    const phase = check?.phase ?? 'idle';
    progress(check);
    picture.dataset.phase = phase;
    picture.dataset.verdict = check?.verdict ?? '';
    if (check && phase !== 'done') say(centre, String(Math.ceil(check.seconds_left)));
    else if (element.dataset.phase !== phase || !centre.firstChild) fill(centre, icon(check ? (check.verdict === 'good' ? 'check' : 'warning') : 'mic'));
    element.dataset.phase = phase;
    say(button, phase === 'idle' ? 'Sound check' : phase === 'done' ? 'Check again' : 'Stop');
    const [what, todo] = wordsOf(app.snapshot);
    if (words.textContent !== `${what} ${todo}`) fill(words, h('b', {}, what), ` ${todo}`);
    say(facts, check && phase === 'done' ? `Peak ${db(check.peak_dbfs)}, room ${db(check.floor_dbfs)}` : '');
  }

  draw();
  return {
    element,
    draw,
    /** Starts, stops or repeats the check; it may stand elsewhere. */
    button,
  };
}

/** @param {number} dbfs */
const db = (dbfs) => `${Math.round(dbfs).toString().replace('-', '−')} dBFS`;

/** Whether a device problem explains why nothing is heard. @param {Snapshot} snapshot */
export const isInTheWay = ({ problem }) => problem !== null && IN_THE_WAY.includes(problem.code);

/** The check as far as it is about spoken words: while the room is measured its verdict stands. @param {Snapshot} snapshot @returns {SoundCheck | null} */
function spokenPart({ sound_check: check }) {
  if (!check || check.phase === 'listening' || check.phase === 'playing') return check;
  return check.verdict ? { ...check, phase: 'done' } : null;
}

/** @param {Snapshot} snapshot @returns {[string, string]} */
function wordsOf(snapshot) {
  const { problem } = snapshot;
  const check = spokenPart(snapshot);
  if (!check && problem && isInTheWay(snapshot)) {
    const { what, todo } = wording(problem, snapshot);
    return [what, todo];
  }
  if (!check) return ['', 'Speak for five seconds, then hear yourself.'];
  if (check.phase === 'listening') return ['Say something.', '“One, two, three” will do.'];
  if (check.phase === 'playing') return ['Now listen.', 'This is what was heard.'];
  return VERDICTS[check.verdict ?? 'silent'];
}

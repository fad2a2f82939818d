// @ts-check
// The second part of the sound check: a chirp measures the way from the speaker to the microphone.
/** @import {Finding, Room} from './types' */
import { fill, h, icon, say, svg } from './dom.js';
import { count } from './words.js';

/** @typedef {import('./main.js').App} App */

const SECONDS = 5.2;
/** What the picture shows: from nothing to as loud as it was played, in dB. */
const DEPTH = 80;
const WIDTH = 320;
const HEIGHT = 60;
const LOUD_ROOM = -40;
const UNEVEN_MS = 60;

/** @type {Record<Finding, [string, string]>} */
const FINDINGS = {
  speakers: ['Your microphone hears the speaker.', 'Sidetone takes the echo out while you talk.'],
  headphones: ['No echo.', 'Your microphone does not hear the speaker, so nothing is taken out of your voice.'],
  too_strong: ['The echo is very strong.', 'Turn the speaker down or move it away, or let the microphone pause while an answer plays.'],
  unclear: ['The room is too loud to tell.', 'Measure again when it is quieter.'],
  silent: ['The microphone gives nothing at all.', 'It may be muted by a switch of its own. Switch it on and measure again.'],
};

/** @param {App} app */
export function roomCheck(app) {
  const words = h('p', { class: 'check-words', 'aria-live': 'polite' });
  const facts = h('p', { class: 'check-facts' });
  const remarks = h('ul', { class: 'room-remarks' });
  const progress = h('progress', { class: 'room-progress', max: 1, value: 0, 'aria-label': 'Measuring the room', hidden: true });
  const picture = h('div', { class: 'room-picture', 'aria-hidden': 'true', hidden: true });
  const button = h('button', { type: 'button', class: 'button', onclick: () => app.send({ do: isMeasuring() ? 'end_sound_check' : 'measure_room' }) });
  const pause = h('button', { type: 'button', class: 'button', hidden: true, onclick: () => app.configure({ audio: { echo: 'pause' } }) }, 'Pause the microphone');
  const element = h('div', { class: 'room' }, words, facts, progress, picture, remarks, h('div', { class: 'room-buttons' }, button, pause));
  /** @type {Room | null | undefined} */
  let drawn;

  const isMeasuring = () => app.snapshot.sound_check?.phase === 'measuring';

  function draw() {
    const check = app.snapshot.sound_check;
    const room = check?.room ?? null;
    progress.hidden = !isMeasuring();
    if (check && isMeasuring()) progress.value = Math.min(1, Math.max(0, 1 - check.seconds_left / SECONDS));
    const [what, todo] = isMeasuring()
      ? ['Listening to the room.', 'A short chirp plays. Please be quiet for a moment.']
      : room ? FINDINGS[room.finding] : ['', 'A three-second chirp finds out how much of the speaker your microphone hears.'];
    if (words.textContent !== `${what} ${todo}`) fill(words, h('b', {}, what), ` ${todo}`);
    say(button, isMeasuring() ? 'Stop' : room ? 'Measure again' : 'Measure the room (3 s)');
    pause.hidden = room?.finding !== 'too_strong' || app.snapshot.settings.audio.echo === 'pause';
    if (drawn === room) return;
    const isNews = room !== null && drawn !== undefined;
    drawn = room;
    say(facts, room ? factsOf(room) : '');
    fill(remarks, ...(room ? remarksOf(room).map((remark) => h('li', {}, remark)) : []));
    picture.hidden = !room || room.finding === 'unclear' || room.finding === 'silent';
    fill(picture, ...(room ? pictureOf(room) : []));
    if (isNews) element.scrollIntoView({ block: 'nearest' });
  }

  draw();
  return { element, draw };
}

/** @param {number} value */
const db = (value) => `${Math.round(value).toString().replace('-', '−')} dB`;

/** @param {Room} room */
function factsOf(room) {
  const noise = `room ${db(room.noise_dbfs)}FS`;
  if (room.delay_ms === null || room.echo_loss_db === null) return noise[0].toUpperCase() + noise.slice(1);
  const loss = Math.round(room.echo_loss_db);
  const level = loss === 0 ? 'as loud as played' : `${db(Math.abs(loss))} ${loss < 0 ? 'louder' : 'quieter'} than played`;
  return `Echo after ${count(room.delay_ms)} ms, ${level}; ${noise}`;
}

/** @param {Room} room */
function remarksOf(room) {
  const clock = (/** @type {string} */ name, /** @type {import('./types').Rate} */ rate) => rate.is_off
    && `The ${name} runs at ${count(rate.true_hz)} Hz instead of ${count(rate.claimed_hz)} Hz. Unplug it and plug it in again.`;
  const remarks = [
    room.is_hands_free && 'Your headset is in its telephone mode. Listen on it and choose the computer’s own microphone: both will sound better.',
    room.is_clipped && 'The microphone distorts. Turn it down, or the speaker.',
    !room.is_clipped && room.is_distorted && 'The speaker distorts. Turn it down.',
    room.noise_dbfs > LOUD_ROOM && 'The room is loud. A quieter place or a headset helps.',
    clock('microphone', room.input_rate),
    clock('speaker', room.output_rate),
    room.jitter_ms > UNEVEN_MS && `Sound arrives unevenly (within ${count(room.jitter_ms)} ms). Close programs that keep the computer busy.`,
    !room.is_kept && room.finding !== 'unclear' && room.finding !== 'silent' && 'A device changed meanwhile, so this is not kept. Measure again.',
  ];
  return /** @type {string[]} */ (remarks.filter(Boolean));
}

/** Speaker and microphone with the way between them, and the echo over time. @param {Room} room */
function pictureOf(room) {
  const isHeard = room.delay_ms !== null && room.finding !== 'headphones';
  const way = h('div', { class: 'room-way', 'data-finding': room.finding }, icon('speaker'),
    h('span', { class: 'room-line' }, isHeard ? `${count(room.delay_ms ?? 0)} ms` : 'no echo'), icon('mic'));
  if (room.curve.length === 0) return [way];
  const step = WIDTH / room.curve.length;
  const height = (/** @type {number} */ level) => Math.max(0, HEIGHT * (1 + level / DEPTH));
  const points = room.curve.map((level, at) => `${(at * step).toFixed(1)},${(HEIGHT - height(level)).toFixed(1)}`);
  /** @param {number} x @param {string} anchor @param {string} words */
  function label(x, anchor, words) {
    const text = svg('text', { x, y: HEIGHT + 14, 'text-anchor': anchor });
    text.textContent = words;
    return text;
  }
  return [way, svg('svg', { class: 'room-curve', viewBox: `0 0 ${WIDTH} ${HEIGHT + 18}` },
    svg('polygon', { points: `0,${HEIGHT} ${points.join(' ')} ${WIDTH},${HEIGHT}` }),
    svg('line', { x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
    label(0, 'start', '0'), label(WIDTH / 2, 'middle', '250'), label(WIDTH, 'end', '500 ms'))];
}

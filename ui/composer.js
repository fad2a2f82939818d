// @ts-check
// Typing: always there, with or without a call or a microphone. In a call it is said to the voice, else it is written.
/** @import {Attachment, Command, Shape, Snapshot} from './types' */
import { MOST_FILES, enclosed, faultOf, pictureUrl, read } from './attachments.js';
import { chosenModel, shortName } from './catalogue.js';
import { announce, byId, fill, h, icon, say, ticker } from './dom.js';
import { happened, providerName } from './failures.js';
import { about, budgetWords, size } from './money.js';
import { WISH, beginsWish, shapePicker, wishOf } from './pictures.js';
import { toast } from './problems.js';
import { isWritten } from './state.js';

/** @typedef {import('./main.js').App} App */

/** Six lines of 24 px and the padding. */
const MAX_HEIGHT = 152;
/** Time without a key press after which the draft is kept, ms. */
const QUIET_MS = 600;

/** What holds a request up, and for how long; empty: nothing. @param {Snapshot} snapshot @param {number} now */
export function waitWords(snapshot, now) {
  const { chat: { waiting }, call: { limited_until: until } } = snapshot;
  const left = (/** @type {number} */ end) => Math.ceil((end - now) / 1000);
  if (waiting) {
    const { provider, until_ms, retry } = waiting;
    if (left(until_ms) <= 0) return 'Asking now…';
    const name = providerName(snapshot, provider);
    if (retry) return `${happened(retry.why, name)} Trying again in ${left(until_ms)} s (${retry.attempt} of ${retry.attempts}).`;
    return `${provider ? `${name} limits requests.` : 'Your own limit of requests is reached.'} Asking in ${left(until_ms)} s.`;
  }
  return until !== null && left(until) > 0 ? `A limit of requests holds the call up for ${left(until)} s.` : '';
}

/** @param {App} app */
export function composer(app) {
  const field = /** @type {HTMLTextAreaElement} */ (byId('message'));
  const button = /** @type {HTMLButtonElement} */ (byId('send'));
  const stop = /** @type {HTMLButtonElement} */ (byId('stop-answer'));
  const attach = /** @type {HTMLButtonElement} */ (byId('attach'));
  const picker = /** @type {HTMLInputElement} */ (byId('files'));
  const frame = byId('compose');
  const list = byId('attached');
  const chip = byId('model-chip');
  const cost = byId('estimate');
  const wait = byId('limit-wait');
  const draws = byId('draw');
  const wishes = byId('wish');
  const wishHelp = byId('wish-help');
  const shapes = shapePicker(byId('wish-shape'), () => field.focus());
  /** @type {Attachment[]} */
  let attached = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** What the engine was last told, so that its echo is told from a draft of another conversation. */
  let told = '';
  /** The files that it was told of. */
  let toldFiles = attached;
  /** Something was written or sent here: what is kept elsewhere comes too late. */
  let isTouched = false;
  let conversation = /** @type {number | null | undefined} */ (undefined);

  function drawButtons() {
    drawWish();
    button.disabled = wishOf(field.value) === '' || field.value.trim() === '' && (attached.length === 0 || !isWritten(app.snapshot));
    // Writing on in mid-answer interrupts it; with nothing written there is only stopping.
    button.hidden = button.disabled && app.snapshot.chat.is_answering;
  }

  /** What the beginning of a wish for a picture leads to. */
  function drawWish() {
    const isWish = wishOf(field.value) !== null;
    wishes.hidden = !isWish && !beginsWish(field.value);
    byId('wish-shape').hidden = !isWish;
    if (!wishes.hidden) say(wishHelp, isWish ? 'Makes a picture of what you describe.' : `${WISH} makes a picture. Tab completes it.`);
  }

  /** @param {string} text @param {Shape | null} [shape] of the picture that is wished for */
  function write(text, shape = null) {
    field.value = text;
    if (shape) shapes.choose(shape);
    isTouched = true;
    fit();
    field.focus();
    field.setSelectionRange(text.length, text.length);
  }

  function fit() {
    drawButtons();
    field.style.setProperty('height', 'auto');
    const height = Math.min(Math.max(field.scrollHeight, 32), MAX_HEIGHT);
    field.style.setProperty('height', `${height}px`);
    field.style.setProperty('overflow-y', field.scrollHeight > MAX_HEIGHT ? 'auto' : 'hidden');
  }

  async function send() {
    const draft = field.value;
    const files = attached;
    const text = draft.trim();
    const written = isWritten(app.snapshot);
    const wish = wishOf(text);
    if (wish === '' || (!text && (files.length === 0 || !written))) return;
    /** @type {Command} */
    const command = wish !== null ? { do: 'make_picture', prompt: wish, shape: shapes.shape() } : written ? { do: 'ask', text, attachments: files } : { do: 'say', text };
    clearTimeout(timer);
    isTouched = true;
    if (!written && told) app.send({ do: 'save_draft', text: '', files: enclosed(attached) });
    told = '';
    field.value = '';
    if (written && wish === null) attached = toldFiles = [];
    drawFiles();
    app.timeline.follow();
    if (await app.send(command)) return;
    field.value = field.value ? `${draft}\n${field.value}` : draft;
    attached = files;
    drawFiles();
  }

  function keepDraft() {
    clearTimeout(timer);
    if (field.value === told && attached === toldFiles) return;
    told = field.value;
    toldFiles = attached;
    app.send({ do: 'save_draft', text: told, files: enclosed(attached) });
  }

  /** @param {Iterable<File>} files */
  async function take(files) {
    for (const file of files) {
      const { models, chat } = app.snapshot;
      const fault = faultOf(file, attached, chosenModel(models, chat.target)?.takes_images ?? null);
      if (fault) { toast(fault); continue; }
      try {
        attached = [...attached, await read(file)];
      } catch (error) {
        toast(/** @type {Error} */ (error).message);
      }
      drawFiles();
      if (attached.length >= MOST_FILES) break;
    }
    keepDraft();
    field.focus();
  }

  function drawFiles() {
    list.hidden = attached.length === 0;
    fill(list, ...attached.map((one) => {
      const url = pictureUrl(one);
      const remove = () => { attached = attached.filter((other) => other !== one); drawFiles(); keepDraft(); field.focus(); };
      return h('li', { class: 'file' }, url ? h('img', { src: url, alt: '' }) : icon('file'), h('span', {}, one.name),
        h('small', {}, size(url ? Math.round(one.data.length * 0.75) : one.data.length)),
        h('button', { type: 'button', class: 'tool', 'aria-label': `Remove ${one.name}`, title: 'Remove', onclick: remove }, icon('close')));
    }));
    fit();
  }

  function draw() {
    const { chat, models, call } = app.snapshot;
    const written = isWritten(app.snapshot);
    takeDraft();
    stop.hidden = !chat.is_answering;
    attach.hidden = !written;
    chip.hidden = call.link.state !== 'idle';
    const { provider, model } = chat.target;
    const isPractice = provider === 'practice' || !model;
    say(byId('model-name'), !written ? 'Answered by voice' : isPractice ? 'Practice partner' : shortName(model));
    chip.title = isPractice ? 'Choose a model to write to' : `${model}, ${providerName(app.snapshot, provider)}`;
    field.placeholder = !written || isPractice ? 'Type instead' : `Write to ${shortName(model)}`;
    const takes = chosenModel(models, chat.target)?.takes_images ?? null;
    attach.title = takes === false ? 'Attach texts' : 'Attach texts and pictures';
    const { words, isNear } = budgetWords(chat.budget);
    const guess = (field.value.trim() || attached.length > 0) && written ? about(chat.estimate_nano) : '';
    say(cost, guess || (isNear ? words : ''));
    cost.classList.toggle('near', isNear);
    countDown();
    drawButtons();
  }

  /** Another conversation has another draft, which may come a moment late; an echo of one's own is none. */
  function takeDraft() {
    const { chat } = app.snapshot;
    const isOther = chat.conversation !== conversation;
    conversation = chat.conversation;
    const isTyping = document.activeElement === field && field.value !== told;
    if (isTyping || (isTouched && !isOther)) return;
    isTouched = false;
    if (told === chat.draft && field.value === chat.draft) return;
    field.value = chat.draft;
    told = chat.draft;
    fit();
  }

  function countDown() {
    const words = waitWords(app.snapshot, Date.now());
    run(words !== '');
    // Said once, not with every second.
    if (words && wait.hidden) announce(words);
    wait.hidden = !words;
    if (words) say(wait, words);
  }
  const run = ticker(500, countDown);

  field.addEventListener('input', () => { isTouched = true; fit(); clearTimeout(timer); timer = setTimeout(keepDraft, QUIET_MS); });
  field.addEventListener('blur', keepDraft);
  window.addEventListener('pagehide', keepDraft);
  field.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowUp' && field.value === '' && !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey) {
      if (app.timeline.editLast()) event.preventDefault();
      return;
    }
    if (event.key === 'Tab' && !event.shiftKey && beginsWish(field.value) && field.value !== '') {
      event.preventDefault();
      write(`${WISH} `);
      return;
    }
    // 229: the Enter that ends a composition in engines that report it late.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    void send();
  });
  field.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0 || !isWritten(app.snapshot)) return;
    event.preventDefault();
    void take(files);
  });
  button.addEventListener('click', () => { void send(); field.focus(); });
  stop.addEventListener('click', () => { app.send({ do: 'stop_answer' }); field.focus(); });
  draws.addEventListener('click', () => write(wishOf(field.value) === null ? `${WISH} ${field.value}` : field.value));
  attach.addEventListener('click', () => picker.click());
  picker.addEventListener('change', () => { void take([...(picker.files ?? [])]); picker.value = ''; });
  chip.addEventListener('click', () => app.picker.open());
  window.addEventListener('resize', fit);
  drops(app, frame, (files) => void take(files));

  return { draw, focus: () => field.focus(), keepDraft, write };
}

/** Files that are dropped anywhere in the conversation; elsewhere a drop must not lead the page away. @param {App} app @param {HTMLElement} frame @param {(files: File[]) => void} take */
function drops(app, frame, take) {
  const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files') ?? false;
  const canTake = () => app.view === 'talk' && isWritten(app.snapshot) && !document.querySelector('dialog[open]');
  window.addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    frame.toggleAttribute('data-drop', canTake());
  });
  window.addEventListener('dragleave', (event) => { if (!event.relatedTarget) frame.removeAttribute('data-drop'); });
  window.addEventListener('drop', (event) => {
    frame.removeAttribute('data-drop');
    event.preventDefault();
    if (canTake()) take([...(event.dataTransfer?.files ?? [])]);
  });
}

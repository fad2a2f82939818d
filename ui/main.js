// @ts-check
// Boot: the first snapshot, the events after it, and which page is in front.
/** @import {Batch, Command, Event, Snapshot} from './types' */
import { composer } from './composer.js';
import { devicePopover } from './devices.js';
import { ask, byId, keyboardFocus } from './dom.js';
import { finder } from './find.js';
import { firstRun } from './firstrun.js';
import { header } from './header.js';
import { history } from './history.js';
import * as ipc from './ipc.js';
import { meters } from './meters.js';
import { modelPicker } from './picker.js';
import { showNote, problems, toast } from './problems.js';
import { prompt } from './prompt.js';
import { recording } from './recording.js';
import { settingsPage } from './settings.js';
import { shortcuts } from './shortcuts.js';
import { reduceAll } from './state.js';
import { talk } from './talk.js';
import { timeline } from './timeline.js';
import { transferWords } from './transfer.js';

/** @typedef {'talk' | 'settings' | 'first-run'} View */

/** @type {View[]} */
const VIEWS = ['talk', 'settings', 'first-run'];

/** What every part of the page may use. */
export class App {
  /** @param {Snapshot} snapshot */
  constructor(snapshot) {
    this.snapshot = snapshot;
    /** @type {View} */
    this.view = 'talk';
    /** Where the keyboard was before the settings. @type {HTMLElement | null} */
    this.opener = null;
    this.meters = meters(this);
    this.settings = settingsPage(this);
    this.firstRun = firstRun(this);
    this.devices = devicePopover(this);
    this.recording = recording(this);
    this.timeline = timeline(this);
    this.find = finder(this);
    this.composer = composer(this);
    this.picker = modelPicker(this);
    this.prompt = prompt(this);
    this.history = history(this);
    /** What shows the words: they come often and change nothing else. */
    this.words = [header(this), this.timeline, this.find];
    this.parts = [...this.words, this.composer, this.picker, this.prompt, this.history, this.recording, problems(this), talk(this), this.meters, this.devices, this.settings, this.firstRun];
    shortcuts(this);
    document.addEventListener('click', leaveButton);
  }

  /** @param {Event[]} [applied] what happened; without it everything is drawn */
  draw(applied) {
    if (applied?.every(({ type }) => type === 'item' || type === 'chat_message')) {
      for (const part of this.words) part.draw();
      return;
    }
    const { theme } = this.snapshot.settings.appearance;
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    for (const part of this.parts) part.draw();
  }

  /** Whether the engine took it. @param {Command} command */
  async send(command) {
    try {
      await ipc.send(command);
      return true;
    } catch {
      toast('Sidetone’s engine does not answer. Please start Sidetone again.');
      return false;
    }
  }

  /** @param {Record<string, unknown>} patch */
  configure(patch) {
    return this.send({ do: 'configure', patch });
  }

  /** @param {ipc.PageLink} link */
  link(link) {
    ipc.openLink(link).catch(() => toast('The page could not be opened.'));
  }

  /** Opens an address outside; where that cannot be, it is copied. @param {string} address */
  openAddress(address) {
    ipc.openAddress(address).catch(() => this.copy(address, 'The browser could not be opened. The address'));
  }

  /** @param {string} text @param {string} what it is, for the words about it */
  copy(text, what) {
    copyText(text).then(() => toast(`${what} is copied.`), () => toast('The clipboard cannot be reached.'));
  }

  /** The path of a file that the user chooses, if any. @param {Parameters<typeof ipc.chooseFile>[0]} wish */
  chooseFile(wish) {
    return ipc.chooseFile(wish).catch(() => {
      toast('The system has no dialog for files. Type the path of the file.');
      return null;
    });
  }

  openRecordings() {
    ipc.openRecordings().catch(() => toast('The folder of the recordings could not be opened.'));
  }

  /** @param {View} view */
  show(view) {
    if (view !== this.view) {
      // A field that disappears keeps what was typed only when it is left.
      if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
      if (this.view === 'settings') this.settings.leave();
    }
    this.view = view;
    this.devices.close();
    for (const name of VIEWS) {
      byId(name === 'first-run' ? name : `${name}-view`).hidden = name !== view;
    }
    this.draw();
  }

  /** @param {import('./settings.js').GroupName} [group] @param {string} [field] what to begin with: a setting, or whose key */
  openSettings(group, field) {
    if (this.view === 'talk') this.opener = keyboardFocus();
    this.show('settings');
    this.settings.open(group, field);
  }

  openFirstRun() {
    this.show('first-run');
    this.firstRun.open({ fromStart: true });
  }

  openDevices() {
    if (this.view !== 'talk') this.show('talk');
    this.devices.open();
  }

  /** Begins another conversation; asks first when that would lose something. */
  newConversation() {
    if (this.view !== 'talk') this.show('talk');
    this.composer.keepDraft();
    const begin = () => {
      this.send({ do: 'new_conversation' });
      this.composer.focus();
    };
    this.leaveCall('Start a new conversation?', 'Start new', begin);
  }

  /** Shows another conversation. What was said in this one is in the history; a call ends with it. @param {number} id */
  openConversation(id) {
    this.composer.keepDraft();
    if (id === this.snapshot.chat.conversation) return;
    const begin = () => {
      if (this.snapshot.items.length > 0) this.send({ do: 'new_conversation' });
      this.send({ do: 'open_conversation', id });
      this.timeline.follow();
    };
    this.leaveCall('Open another conversation?', 'Open it', begin);
  }

  /** Asks first while that would end a call or lose what waits. @param {string} question @param {string} yes @param {() => void} act */
  leaveCall(question, yes, act) {
    const { call, items } = this.snapshot;
    const waits = items.some((item) => item.delivery === 'kept');
    if (call.link.state === 'idle' && !waits) return act();
    ask(question, call.link.state === 'idle' ? 'What waits here is not sent.' : 'The call ends.', yes, 'Stay', act);
  }

  /** Back from the settings. */
  close() {
    if (this.snapshot.sound_check) void this.send({ do: 'end_sound_check' });
    this.show('talk');
    this.opener?.focus();
  }

  /** Closes what is in front, if anything is. */
  closeFront() {
    if (this.devices.close() || this.history.close() || (this.view === 'talk' && this.find.close())) return true;
    if (this.view !== 'settings') return false;
    if (!this.settings.escape()) this.close();
    return true;
  }

  /** Whether Space talks now. */
  canTalkByKey() {
    if (this.firstRun.isWaitingForTalk) this.firstRun.finish();
    return this.view === 'talk' && !this.devices.isOpen && !document.querySelector('dialog[open]');
  }
}

/** After a click with a pointer the keyboard goes back to talking; keys that walk the page keep their place. @param {MouseEvent} event */
function leaveButton(event) {
  const control = event.target instanceof Element && event.target.closest('.talk-view .tool, .talk-view .replay, .talk-view .chip, .talk-view .segments, .talk-view .jump, .talk-view .button:not(.editor .button)');
  if (control && event.detail > 0 && control.contains(document.activeElement)) /** @type {HTMLElement} */ (document.activeElement).blur();
}

/** The engine of some systems has no clipboard for pages: there a selection is copied. @param {string} text */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const before = document.activeElement;
    const area = document.createElement('textarea');
    area.className = 'unseen';
    area.value = text;
    (document.querySelector('dialog[open]') ?? document.body).append(area);
    area.select();
    const isCopied = document.execCommand('copy');
    area.remove();
    if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    if (!isCopied) throw new Error('not copied');
  }
}

/** Starts the stream; batches that come before the snapshot wait for it. */
async function boot() {
  /** @type {App | null} */
  let app = null;
  let isCatchingUp = false;
  /** @type {Batch[]} */
  let early = [];

  const snapshot = await ipc.subscribe((batch) => {
    if (!app || isCatchingUp) early.push(batch);
    else take(app, batch);
  });
  app = new App(snapshot);
  open(app);
  void ipc.showWindow();
  takeEarly(app);

  /** @param {App} app @param {Batch} batch */
  function take(app, batch) {
    const { snapshot, applied, hasGap } = reduceAll(app.snapshot, batch);
    app.snapshot = snapshot;
    for (const event of applied) {
      if (event.type === 'note') showNote(event.data, app);
      const words = event.type === 'transfer' ? transferWords(event.data) : '';
      if (words) toast(words);
    }
    if (applied.length > 0) app.draw(applied);
    if (hasGap) void catchUp(app);
  }

  /** @param {App} app */
  function takeEarly(app) {
    const waiting = early;
    early = [];
    for (const batch of waiting) take(app, batch);
  }

  /** The new snapshot contains what the batch with the gap would have told. @param {App} app */
  async function catchUp(app) {
    isCatchingUp = true;
    try {
      app.snapshot = await ipc.snapshot();
      app.draw();
    } finally {
      isCatchingUp = false;
    }
    takeEarly(app);
  }
}

/** @param {App} app */
function open(app) {
  const isDone = app.snapshot.settings.first_run.is_done;
  app.show(isDone ? 'talk' : 'first-run');
  if (!isDone) app.firstRun.open();
}

boot().catch((error) => {
  toast(`Sidetone could not start: ${error?.detail ?? error}`);
  void ipc.showWindow();
});

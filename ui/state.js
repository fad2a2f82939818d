// @ts-check
// What the window knows: a snapshot, kept fresh by events. Pure functions only.
/** @import {Batch, Call, Chat, ChatMessage, Event, Item, Snapshot} from './types' */

/**
 * The snapshot after one event. Items that did not change keep their identity.
 * @param {Snapshot} snapshot @param {Event} event @returns {Snapshot}
 */
export function reduce(snapshot, event) {
  const next = { ...snapshot, seq: event.seq };
  switch (event.type) {
    case 'call': next.call = event.data; break;
    case 'item': next.items = placed(snapshot.items, event.data.item, event.data.after); break;
    case 'removed': next.items = snapshot.items.filter((item) => item.id !== event.data); break;
    case 'cleared': next.items = []; break;
    case 'problem': next.problem = event.data; break;
    case 'settings': next.settings = event.data; break;
    case 'credentials': next.credentials = event.data; break;
    case 'devices': next.devices = event.data; break;
    case 'sound_check': next.sound_check = event.data; break;
    case 'recording': next.recording = event.data; break;
    case 'chat': next.chat = event.data; next.messages = kept(snapshot, event.data); break;
    case 'chat_message': next.messages = renewed(snapshot.messages, event.data); break;
    case 'history': next.history = event.data; break;
    case 'models': next.models = event.data; break;
    case 'providers': next.providers = event.data; break;
    case 'local_api': next.local_api = event.data; break;
    case 'voice_servers': next.voice_servers = event.data; break;
    case 'transfer': case 'note': break;
  }
  return next;
}

/**
 * Applies a batch. Events that are already contained are passed over. Within a batch only the latest value of each
 * part is left, so numbers are missing; a gap is where the batch begins too late, or where the shell says so.
 * @param {Snapshot} snapshot @param {Batch} batch
 * @returns {{snapshot: Snapshot, applied: Event[], hasGap: boolean}}
 */
export function reduceAll(snapshot, batch) {
  if (batch.is_stale || batch.from > snapshot.seq + 1) return { snapshot, applied: [], hasGap: true };
  const applied = batch.events.filter((event) => event.seq > snapshot.seq);
  return { snapshot: applied.reduce(reduce, snapshot), applied, hasGap: false };
}

/** @param {Item[]} items @param {Item} item @param {number | null} after @returns {Item[]} */
function placed(items, item, after) {
  const rest = items.filter((other) => other.id !== item.id);
  if (after === null) return [item, ...rest];
  const before = rest.findIndex((other) => other.id === after);
  const at = before < 0 ? rest.length : before + 1;
  return [...rest.slice(0, at), item, ...rest.slice(at)];
}

/** Another conversation begins with what its branch has. @param {Snapshot} snapshot @param {Chat} chat @returns {ChatMessage[]} */
function kept({ chat: before, messages }, chat) {
  if (before.conversation === chat.conversation || before.conversation === null) return messages;
  return messages.filter((message) => chat.branch.includes(message.id));
}

/** @param {ChatMessage[]} messages @param {ChatMessage} message */
function renewed(messages, message) {
  const at = messages.findIndex((other) => other.id === message.id);
  return at < 0 ? [...messages, message] : messages.with(at, message);
}

/**
 * Whether what is typed is written to a model: not while a call is on, and not to the practice partner while somebody
 * else answers calls. @param {Snapshot} snapshot
 */
export function isWritten({ call, chat }) {
  const { provider } = chat.target;
  return call.link.state === 'idle' && provider !== '' && (provider !== 'practice' || call.provider === 'practice');
}

/** Whether there is a call to end: connected, or with an open microphone. @param {Call} call */
export const isOn = ({ link, is_armed }) => link.state !== 'idle' || is_armed;

/** The messages of the chosen branch that are known, oldest first. @param {Snapshot} snapshot @returns {ChatMessage[]} */
export function branch({ chat, messages }) {
  const known = new Map(messages.map((message) => [message.id, message]));
  return chat.branch.flatMap((id) => known.get(id) ?? []);
}

/**
 * @typedef {{key: string, at: number, item: Item, message: null} | {key: string, at: number, item: null, message: ChatMessage}} Entry
 * What was said and what was written, in one order: each keeps its own, time tells how they interlock. A spoken turn
 * that is in the history too is shown once.
 * @param {Item[]} items @param {ChatMessage[]} messages @returns {Entry[]}
 */
export function entries(items, messages) {
  const shown = new Set(items.map((item) => item.id));
  const isShown = (/** @type {ChatMessage} */ { item }) => item !== null && shown.has(item);
  const written = messages.filter((message) => !isShown(message));
  /** @type {Entry[]} */
  const all = [];
  let next = 0;
  for (const item of items) {
    for (; next < written.length && written[next].at < item.at; next += 1) all.push(entryOf(written[next]));
    all.push({ key: `i${item.id}`, at: item.at, item, message: null });
  }
  return [...all, ...written.slice(next).map(entryOf)];
}

/** @param {ChatMessage} message @returns {Entry} */
const entryOf = (message) => ({ key: `m${message.id}`, at: message.at, item: null, message });

/** A name for the conversation: the first words of the user. @param {Item[]} items */
export function title(items) {
  const first = items.find((item) => item.role === 'user' && item.is_final && item.text.trim());
  return first ? first.text.trim().replace(/\s+/g, ' ') : 'New conversation';
}

/** The first words that were written, while there is no title yet. @param {ChatMessage[]} messages */
export const firstWords = (messages) => messages.find((message) => message.role === 'user' && message.text.trim())?.text.trim().replace(/\s+/g, ' ').slice(0, 120) ?? '';

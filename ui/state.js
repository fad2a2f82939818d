// @ts-check
// What the window knows: a snapshot, kept fresh by events. Pure functions only.
/** @import {Batch, Event, Item, Snapshot} from './types' */

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
    case 'note': break;
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

/** A name for the conversation: the first words of the user. @param {Item[]} items */
export function title(items) {
  const first = items.find((item) => item.role === 'user' && item.is_final && item.text.trim());
  return first ? first.text.trim().replace(/\s+/g, ' ') : 'New conversation';
}

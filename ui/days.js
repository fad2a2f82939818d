// @ts-check
// The history in groups of days, and when something was. Pure: the time of now is a parameter.
/** @import {HistoryEntry} from './types' */

/** @param {number} ms */
const dayOf = (ms) => { const day = new Date(ms); return new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime(); };

/** Days between, by the calendar; an hour more or less at a change of the clock does not count. @param {number} at @param {number} now */
const daysAgo = (at, now) => Math.round((dayOf(now) - dayOf(at)) / 86_400_000);

/** @param {number} at @param {number} now */
function groupOf(at, now) {
  const days = daysAgo(at, now);
  if (days <= 0) return 'Today';
  if (days === 1) return 'Yesterday';
  if (days < 7) return 'This week';
  if (days < 31) return 'This month';
  return new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric' }).format(at);
}

/**
 * Pinned ones first, then by day, newest first; what was looked for stays in the order it came in.
 * @param {HistoryEntry[]} history @param {number} now @param {boolean} isSearch
 * @returns {{name: string, entries: HistoryEntry[]}[]}
 */
export function groups(history, now, isSearch) {
  if (isSearch) return history.length > 0 ? [{ name: 'Found', entries: history }] : [];
  /** @type {Map<string, HistoryEntry[]>} */
  const all = new Map();
  const newest = [...history].sort((a, b) => Number(b.is_pinned) - Number(a.is_pinned) || b.at - a.at);
  for (const entry of newest) {
    const name = entry.is_pinned ? 'Pinned' : groupOf(entry.at, now);
    const group = all.get(name);
    if (group) group.push(entry); else all.set(name, [entry]);
  }
  return [...all].map(([name, entries]) => ({ name, entries }));
}

/** The hour of today, the weekday of this week, else the date. @param {number} at @param {number} now */
export function when(at, now) {
  const days = daysAgo(at, now);
  /** @type {Intl.DateTimeFormatOptions} */
  const form = days <= 1 ? { hour: 'numeric', minute: '2-digit' } : days < 7 ? { weekday: 'short' } : { day: 'numeric', month: 'short' };
  return new Intl.DateTimeFormat(undefined, form).format(at);
}

/** @param {HistoryEntry} entry */
export const titleOf = (entry) => entry.title.trim() || entry.preview.trim().replace(/\s+/g, ' ') || 'New conversation';

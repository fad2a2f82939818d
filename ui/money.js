// @ts-check
// Money and sizes as people read them. Pure: nano-dollars (a billion is a dollar) and tokens in, words out.

const NANO = 1_000_000_000;

/** To so many digits that count, never fewer than cents. @param {number} dollars @param {number} digits */
function dollarsOf(dollars, digits) {
  if (dollars === 0) return '$0';
  const size = Math.floor(Math.log10(Math.abs(dollars)));
  const places = Math.min(9, Math.max(2, digits - 1 - size));
  const text = dollars.toFixed(places);
  return `$${places > 2 ? text.replace(/0+$/, '') : text}`;
}

/** What was paid, exact to three digits that count: $0.00412. @param {number | null} nano */
export const exact = (nano) => (nano === null ? 'cost not known' : dollarsOf(nano / NANO, 3));

/** What something will cost: about $0.004. @param {number | null} nano */
export function about(nano) {
  if (nano === null) return '';
  if (nano === 0) return 'no cost';
  return nano < 100_000 ? 'less than $0.0001' : `about ${dollarsOf(nano / NANO, 1)}`;
}

/** The price of a million tokens. @param {number | null} nano */
export function price(nano) {
  if (nano === null) return '?';
  return nano === 0 ? 'free' : dollarsOf(nano / NANO, 2);
}

/** What fits into a model: 128k, 1M. @param {number | null} tokens */
export function context(tokens) {
  if (tokens === null || tokens <= 0) return '';
  if (tokens >= 999_500) return `${Number((tokens / 1_000_000).toFixed(1))}M`;
  return tokens >= 1000 ? `${Math.round(tokens / 1000)}k` : String(tokens);
}

/** Size of a file: 812 KB. @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** @typedef {{conversation_nano: number, day_nano: number, month_nano: number, conversation_limit_nano: number | null, day_limit_nano: number | null, month_limit_nano: number | null}} Spent */

/** What is said of the budget: the limit that is nearest to be reached, else the day. @param {Spent} budget */
export function budgetWords(budget) {
  /** @type {[string, number, number | null][]} */
  const all = [
    ['Today', budget.day_nano, budget.day_limit_nano],
    ['This month', budget.month_nano, budget.month_limit_nano],
    ['This conversation', budget.conversation_nano, budget.conversation_limit_nano],
  ];
  const share = (/** @type {[string, number, number | null]} */ [, spent, limit]) => (limit === null ? -1 : limit === 0 ? 2 : spent / limit);
  const [name, spent, limit] = all.reduce((nearest, one) => (share(one) > share(nearest) ? one : nearest));
  const cents = (/** @type {number} */ nano) => `$${(nano / NANO).toFixed(2)}`;
  return { words: limit === null ? `${name} ${cents(spent)}` : `${name} ${cents(spent)} of ${cents(limit)}`, isNear: limit !== null && spent >= limit * 0.9 };
}

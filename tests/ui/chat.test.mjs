// The text pane: money, models, days, attachments, failures, what is read out.
import assert from 'node:assert/strict';
import test from 'node:test';
import { announcer } from './page.mjs';
import { MOST_FILES, MOST_PICTURE, base64Of, enclosed, faultOf, isBinary, kindOf, pictureUrl } from '../../ui/attachments.js';
import { MOST_ROWS, choices, chosenModel, keyless, shortName } from '../../ui/catalogue.js';
import { groups, titleOf, when } from '../../ui/days.js';
import { jsonFault } from '../../ui/faults.js';
import { about, budgetWords, context, exact, price, size } from '../../ui/money.js';
import { finished } from '../../ui/sentences.js';
globalThis.window ??= { __TAURI__: { core: { Channel: class {}, invoke: async () => {} } } };
const { facts, narrator, particulars, speakerOf } = await import('../../ui/chat.js');
const { wordsFor } = await import('../../ui/failures.js');
const { waitWords } = await import('../../ui/composer.js');
const { within } = await import('../../ui/fields.js');
const { fileName, transferWords } = await import('../../ui/transfer.js');
const { moved } = await import('../../ui/targets.js');
const { announcer: teller } = await import('../../ui/timeline.js');

test('money is told to the digits that count', () => {
  assert.deepEqual([0, 4_123_000, 412, 12_000_000, 1_234_000_000, 15_500_000_000].map(exact), ['$0', '$0.00412', '$0.000000412', '$0.012', '$1.23', '$15.50']);
  assert.equal(exact(null), 'cost not known');
});

test('before sending a cost is a guess and says so', () => {
  assert.deepEqual([4_123_000, 99_000, 0, 1_260_000_000, null].map(about), ['about $0.004', 'less than $0.0001', 'no cost', 'about $1.26', '']);
});

test('prices and sizes are short', () => {
  assert.deepEqual([0, 250_000_000, 15_000_000_000, null].map(price), ['free', '$0.25', '$15.00', '?']);
  assert.deepEqual([8192, 131_072, 1_000_000, 1_047_576, 2_000_000, null, 0, 512].map(context), ['8k', '131k', '1M', '1M', '2M', '', '', '512']);
  assert.deepEqual([999, 812_300, 4_200_000].map(size), ['999 B', '812 KB', '4.2 MB']);
});

test('of the budgets the one nearest to its end is told', () => {
  const none = { conversation_nano: 5e8, day_nano: 1e9, month_nano: 9e9, conversation_limit_nano: null, day_limit_nano: null, month_limit_nano: null };
  assert.deepEqual(budgetWords(none), { words: 'Today $1.00', isNear: false });
  assert.deepEqual(budgetWords({ ...none, day_limit_nano: 2e9, month_limit_nano: 1e10 }), { words: 'This month $9.00 of $10.00', isNear: true });
  assert.deepEqual(budgetWords({ ...none, day_limit_nano: 2e9 }), { words: 'Today $1.00 of $2.00', isNear: false });
});

const provider = (id, more = {}) => ({ id, name: id.toUpperCase(), holder: id, is_ready: true, is_local: false, key_url: '', health: null, failure: null, ...more });
const model = (of, name, more = {}) => ({ provider: of, model: name, context: null, input_nano: null, output_nano: null, takes_images: null, ...more });
const PROVIDERS = [provider('openai'), provider('groq'), provider('xai', { is_ready: false })];
const MODELS = [model('groq', 'meta/llama-3.1-8b'), model('openai', 'gpt-10'), model('openai', 'gpt-9', { takes_images: true }), model('xai', 'grok'), model('gone', 'x')];
const NOBODY = { provider: '', model: '' };
const names = (query, target = NOBODY) => choices(MODELS, PROVIDERS, query, target).rows.map((row) => row.model.model);

test('models come by provider and name, numbers counted as numbers; without a key they stay out', () => {
  assert.deepEqual(names(''), ['gpt-9', 'gpt-10', 'meta/llama-3.1-8b']);
});

test('the chosen model comes first, even while its provider has no key', () => {
  assert.equal(names('', { provider: 'xai', model: 'grok' })[0], 'grok');
});

test('every word must fit, in any order, in model or provider; the closest comes first', () => {
  assert.deepEqual(names('groq LLAMA'), ['meta/llama-3.1-8b']);
  assert.deepEqual(names('gpt pictures'), ['gpt-9']);
  assert.deepEqual(names('gpt-10'), ['gpt-10']);
  assert.deepEqual(names('nothing'), []);
  assert.deepEqual(names('('), []);
  assert.deepEqual(choices([model('openai', 'a-mini'), model('openai', 'mini')], PROVIDERS, 'mini', NOBODY).rows.map((row) => row.model.model), ['mini', 'a-mini']);
});

test('a list too long to draw tells how much is left out', () => {
  const { rows, more } = choices(Array.from({ length: 500 }, (_, n) => model('openai', `m${n}`)), PROVIDERS, '', NOBODY);
  assert.deepEqual([rows.length, more], [MOST_ROWS, 300]);
});

test('providers without a key are offered one, those that need none are not', () => {
  assert.deepEqual(keyless([...PROVIDERS, provider('local', { holder: null, is_ready: false })], '').map(({ id }) => id), ['xai']);
  assert.equal(chosenModel(MODELS, { provider: 'openai', model: 'gpt-9' })?.takes_images, true);
  assert.equal(shortName('meta/llama'), 'llama');
});

const NOW = new Date(2026, 2, 30, 9, 0).getTime();
const day = (days, hours = 0) => new Date(2026, 2, 30 - days, 9 - hours, 0).getTime();
const entry = (id, at, more = {}) => ({ id, title: `t${id}`, is_pinned: false, at, preview: '', count: 1, found: [], ...more });

test('the history is grouped by day, pinned ones first, newest first, whatever the clock did in between', () => {
  const all = [entry(1, day(40)), entry(2, day(0, 8)), entry(3, day(1)), entry(4, day(5)), entry(5, day(20)), entry(6, day(300), { is_pinned: true }), entry(7, day(0))];
  const found = groups(all, NOW, false);
  assert.deepEqual(found.map(({ name }) => name).slice(0, 5), ['Pinned', 'Today', 'Yesterday', 'This week', 'This month']);
  assert.deepEqual(found.map(({ entries }) => entries.map(({ id }) => id)), [[6], [7, 2], [3], [4], [5], [1]]);
  assert.equal(found.length, 6);
});

test('what was looked for keeps the order it was found in', () => {
  assert.deepEqual(groups([entry(1, day(9)), entry(2, day(0))], NOW, true), [{ name: 'Found', entries: [entry(1, day(9)), entry(2, day(0))] }]);
  assert.deepEqual(groups([], NOW, true), []);
});

test('a conversation without a title is called by its last words', () => {
  assert.equal(titleOf(entry(1, 0, { title: ' ', preview: 'a\n b' })), 'a b');
  assert.equal(titleOf(entry(1, 0, { title: '' })), 'New conversation');
  assert.match(when(day(0), NOW), /9/);
  assert.match(when(day(3), NOW), /[A-Z]/);
});

const file = (name, type, bytes = 1000) => ({ name, type, size: bytes });
const attachment = (bytes) => ({ name: 'a', mime: 'text/plain', data: 'x'.repeat(bytes) });

test('texts and pictures are told from other files', () => {
  assert.deepEqual([file('a.png', 'image/png'), file('a.rs', ''), file('Dockerfile', ''), file('a', 'text/x-foo'), file('a.svg', 'image/svg+xml'), file('a.pdf', 'application/pdf'), file('a.heic', 'image/heic')].map(kindOf), ['picture', 'text', 'text', 'text', 'text', null, null]);
});

test('what is not taken is told why', () => {
  assert.equal(faultOf(file('a.png', 'image/png'), [], true), '');
  assert.equal(faultOf(file('a.png', 'image/png'), [], null), '');
  assert.match(faultOf(file('a.png', 'image/png'), [], false), /takes no pictures/);
  assert.match(faultOf(file('a.pdf', 'application/pdf'), [], true), /neither/);
  assert.match(faultOf(file('a.png', 'image/png', MOST_PICTURE + 1), [], true), /5\.0 MB/);
  assert.match(faultOf(file('a.txt', 'text/plain', 0), [], true), /empty/);
  assert.match(faultOf(file('a.txt', 'text/plain'), Array(MOST_FILES).fill(attachment(1)), true), /10 files/);
  assert.match(faultOf(file('a.txt', 'text/plain'), [attachment(15_000_000)], true), /together/);
});

test('a picture is shown from its own data, anything else never', () => {
  assert.equal(base64Of('data:image/png;base64,AAAA'), 'AAAA');
  assert.equal(pictureUrl({ name: 'a', mime: 'image/png', data: 'AAAA' }), 'data:image/png;base64,AAAA');
  assert.equal(pictureUrl({ name: 'a', mime: 'image/svg+xml', data: 'AAAA' }), '');
  assert.equal(isBinary('a\u0000b'), true);
});

test('files are counted by what they cost: pictures by their number, texts by their bytes', () => {
  const file = (mime, data) => ({ name: 'a', mime, data });
  assert.deepEqual(enclosed([file('image/png', 'AAAA'), file('text/plain', 'héé'), file('text/plain', 'x')]), { pictures: 1, text_bytes: 6 });
  assert.deepEqual(enclosed([]), { pictures: 0, text_bytes: 0 });
});

test('a growing answer is read out sentence by sentence', () => {
  const text = 'One. Two 1.5 is half. Thr';
  assert.equal(text.slice(0, finished(text, 0, false)), 'One. Two 1.5 is half. ');
  assert.equal(finished(text, 22, false), 22);
  assert.equal(finished(text, 22, true), text.length);
});

test('the number of an item ends no sentence, a line does', () => {
  assert.equal(finished('1. ', 0, false), 0);
  assert.equal(finished('1. one\n2. tw', 0, false), 7);
  assert.equal(finished('你好。世', 0, false), 3);
});

test('code waits until its block is closed', () => {
  assert.equal(finished('Look.\n```js\nlet a;\n', 0, false), 6);
  assert.equal(finished('Look.\n```js\nlet a;\n```\n', 0, false), 24 - 1);
});

const target = { provider: 'openai', model: 'x/gpt' };
const failed = (kind, text = '') => ({ id: 5, role: 'assistant', text, target, state: 'failed', failure: { kind, message: 'words of theirs', code: 'c1', status: 429 } });
const KINDS = ['credential', 'quota', 'rate_limited', 'model', 'too_long', 'invalid', 'refused', 'unavailable', 'timed_out', 'unreachable', 'broken', 'gateway', 'budget', 'cancelled'];

/** An app that notes what it is asked to do. */
function spy() {
  const done = [];
  return { done, snapshot: { providers: PROVIDERS }, send: (command) => done.push(command), openSettings: (...where) => done.push(where), picker: { open: () => done.push('picker') } };
}

for (const kind of KINDS) {
  test(`a failure of the kind ${kind} says what happened, what to do, and has one button that does something`, () => {
    const app = spy();
    const words = wordsFor(failed(kind), app.snapshot);
    assert.match(words.what, /^[A-Z].*\.$/);
    assert.match(words.todo, /^[A-Z].*\.$/);
    assert.match(words.button, /^[A-Z][a-z ]+$/);
    words.act(app, failed(kind));
    assert.equal(app.done.length, 1);
  });
}

test('a broken answer is continued when some of it came, and asked anew when nothing did', () => {
  const app = spy();
  wordsFor(failed('broken', 'half'), app.snapshot).act(app, failed('broken', 'half'));
  wordsFor(failed('broken'), app.snapshot).act(app, failed('broken'));
  assert.deepEqual(app.done, [{ do: 'continue', message: 5 }, { do: 'regenerate', message: 5 }]);
});

test('a refused key leads to the field of that key; what the provider said stands below', () => {
  const app = spy();
  const words = wordsFor(failed('credential'), app.snapshot);
  words.act(app, failed('credential'));
  assert.deepEqual(app.done, [['keys', 'openai']]);
  assert.match(words.what, /^OPENAI /);
  assert.equal(words.detail, 'words of theirs · code c1 · HTTP 429');
  assert.equal(wordsFor({ ...failed('quota'), failure: null }, app.snapshot), null);
});

test('beside the button a page of the provider’s or a check of the gateway, where that helps', () => {
  const providers = [provider('openai', { billing_url: 'https://pay.test', status_url: 'https://up.test' }), provider('groq', { billing_url: '', status_url: '' })];
  const app = { ...spy(), openAddress: (address) => app.done.push(address) };
  const more = (kind, code = null, id = 'openai') => wordsFor({ ...failed(kind), target: { provider: id, model: 'm' }, failure: { kind, message: '', code, status: null } }, { providers }).more;
  const press = ([label, act]) => { act(app); return label; };
  assert.deepEqual([more('quota'), more('unavailable'), more('gateway', '2009')].map(press), ['Add credit', 'Status page', 'Check the gateway']);
  assert.deepEqual(app.done, ['https://pay.test', 'https://up.test', ['keys', 'gateway'], { do: 'test_key', holder: 'gateway' }]);
  assert.deepEqual([more('quota', null, 'groq'), more('unavailable', null, 'groq'), more('gateway', '2008'), more('credential'), more('quota', null, 'nobody')], [null, null, null, null, null]);
});

test('under an answer stand its tokens, cost, cache and time', () => {
  const receipt = { way: 'direct', cache: 'hit', attempts: 2, input_tokens: 10, cached_tokens: 0, output_tokens: 5, reasoning_tokens: 0, cost_nano: 4_123_000, first_ms: 640, total_ms: 900, gateway: null, is_cut: true };
  assert.deepEqual(facts(receipt), ['15 tokens', '$0.00412', 'from the cache', '0.6 s to first word', '2 tries', 'cut short by the limit of tokens']);
  assert.deepEqual(facts({ ...receipt, cache: 'miss', attempts: 1, first_ms: null, cost_nano: null, is_cut: false }), ['15 tokens', 'cost not known']);
  const echo = { ...receipt, cache: 'miss', gateway: { cache_status: 'HIT', log_id: 'L1', step: '1', routed: '', reason: '', decision_id: '', request_id: '' } };
  assert.ok(facts(echo).includes('from the gateway’s cache'));
  assert.match(particulars(echo), /10 tokens in.*\n5 out.*\n.*\ngateway cache HIT\ngateway log L1\nstep 1[^\n]*$/);
  const routed = { ...echo.gateway, routed: 'openai/gpt', reason: 'cheap enough', decision_id: 'D1', request_id: 'R1' };
  assert.match(particulars({ ...echo, gateway: routed }), /gateway request R1\nstep 1.*\nthe gateway chose openai\/gpt \(cheap enough\)\ndecision D1$/);
  assert.equal(speakerOf({ role: 'assistant', target }), 'gpt');
  assert.equal(speakerOf({ role: 'user', target: null }), 'You');
  assert.equal(speakerOf({ role: 'assistant', target: null, is_voice: true }), 'Voice');
});

test('another try is told with what became of the last one and which try it is', () => {
  const words = (why) => waitWords({ providers: [{ id: 'groq', name: 'Groq' }], chat: { waiting: { provider: 'groq', until_ms: 2_500, retry: { attempt: 2, attempts: 6, why } } }, call: { limited_until: null } }, 1_000);
  assert.equal(words('unavailable'), 'Groq had a problem. Trying again in 2 s (2 of 6).');
  assert.equal(words('rate_limited'), 'Groq is limiting requests. Trying again in 2 s (2 of 6).');
  assert.equal(words('timed_out'), 'Groq did not answer in time. Trying again in 2 s (2 of 6).');
});

test('a limit that holds something up is told with the time that is left', () => {
  const snapshot = (waiting, limited_until = null) => ({ providers: [{ id: 'groq', name: 'Groq' }], chat: { waiting }, call: { limited_until } });
  assert.equal(waitWords(snapshot({ provider: 'groq', until_ms: 7_100 }), 1_000), 'Groq limits requests. Asking in 7 s.');
  assert.equal(waitWords(snapshot({ provider: '', until_ms: 3_000 }), 1_000), 'Your own limit of requests is reached. Asking in 2 s.');
  assert.equal(waitWords(snapshot({ provider: 'groq', until_ms: 900 }), 1_000), 'Asking now…');
  assert.equal(waitWords(snapshot(null, 4_500), 1_000), 'A limit of requests holds the call up for 4 s.');
  assert.equal(waitWords(snapshot(null, 900), 1_000) + waitWords(snapshot(null), 1_000), '');
});

test('a growing answer is said once, in whole sentences, by its speaker', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  announcer.replaceChildren();
  const narrate = narrator(() => 1000);
  const answer = (text, state = 'streaming', more = {}) => ({ id: 1, role: 'assistant', text, state, target, item: null, is_voice: false, at: 900, ...more });
  for (const text of ['On', 'One. Tw', 'One. Tw', 'One. **Two**. Three']) narrate([answer(text)]);
  narrate([answer('One. **Two**. Three', 'done')]);
  narrate([answer('One. **Two**. Three', 'done')]);
  assert.deepEqual(announcer.childNodes.map((line) => line.textContent), ['gpt: One.', 'Two.', 'Three']);
  t.mock.timers.tick(10_000);
  assert.equal(announcer.childNodes.length, 0);
});

test('an old answer, a spoken one and the user’s own words are not said again', () => {
  announcer.replaceChildren();
  const narrate = narrator(() => 100_000);
  const whole = (id, more) => ({ id, role: 'assistant', text: 'Words.', state: 'done', target, item: null, is_voice: false, at: 0, ...more });
  narrate([whole(1), whole(2, { at: 99_000, is_voice: true }), whole(3, { at: 99_000, item: 4 }), whole(4, { at: 99_000, role: 'user' })]);
  assert.equal(announcer.childNodes.length, 0);
});

test('what is spoken is said once, in a new conversation with the same ids too', () => {
  announcer.replaceChildren();
  const tell = teller();
  const said = (id, text) => ({ id, role: 'assistant', kind: 'spoken', text, is_final: true, delivery: 'complete' });
  const speakers = new Map([[1, 'Ada'], [2, 'Ada']]);
  for (const items of [[said(1, 'Old.')], [said(1, 'Old.'), said(2, 'One.')], [said(1, 'Old.'), said(2, 'One.')], [], [said(1, 'Anew.')]]) tell(items, speakers);
  assert.deepEqual(announcer.childNodes.map((line) => line.textContent), ['Ada: One.', 'Ada: Anew.']);
});

test('an export or import says how it ended, and nothing before', () => {
  const transfer = { is_import: false, is_over: true, done: 1, total: 1, path: '/a.md', failure: '' };
  assert.equal(transferWords(transfer), 'Exported to /a.md');
  assert.equal(transferWords({ ...transfer, is_import: true, done: 12 }), '12 conversations imported.');
  assert.equal(transferWords({ ...transfer, is_over: false }), '');
  assert.equal(transferWords({ ...transfer, failure: 'no space left' }), 'The export failed: no space left');
});

test('a title becomes a name that every system takes for a file', () => {
  assert.deepEqual(['Why so many moons?', 'a/b\\c: "d"', '..', ' x\n y. '].map(fileName), ['Why so many moons', 'a b c d', 'conversation', 'x y']);
  assert.equal(fileName('🌒'.repeat(80)), '🌒'.repeat(60));
});

test('fallbacks move by one place and stay within the list', () => {
  assert.deepEqual(moved(['a', 'b', 'c'], 2, -1), ['a', 'c', 'b']);
  assert.deepEqual(moved(['a', 'b'], 0, -1), ['a', 'b']);
  assert.deepEqual(moved(['a', 'b'], 1, 1), ['a', 'b']);
});

test('numbers of the settings stay within their bounds, whole ones whole', () => {
  assert.deepEqual([within(7.6, { least: 1, most: 10, step: 1 }), within(0.75, { least: 0, most: 2, step: 0.1 }), within(99, { least: 1, most: 10, step: 1 }), within(NaN, { least: 1, most: 10, step: 1 })], [8, 0.75, 10, 1]);
});

test('marks for the log of the gateway are a flat object of at most five', () => {
  assert.equal(jsonFault(''), '');
  assert.equal(jsonFault('{"a": 1, "b": "x", "c": true}'), '');
  for (const bad of ['{', '[]', 'null', '{"a": {}}', '{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}']) assert.notEqual(jsonFault(bad), '', bad);
});

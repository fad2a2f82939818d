// Answers as nodes of the page: what each mark means, that nothing becomes markup, and that nothing holds the page up.
import assert from 'node:assert/strict';
import test from 'node:test';
import { element } from './page.mjs';
import { blocks, grown, pieces } from '../../ui/blocks.js';
import { safeAddress } from '../../ui/inline.js';
const { Answer, nameOf, nodes, sourceList, spoken } = await import('../../ui/markdown.js');

const html = (text, around) => nodes(text, around).map((node) => node.markup).join('');
const line = (text, around) => html(text, around).replace(/^<p>|<\/p>$/g, '');

for (const [text, wanted] of [
  ['plain', 'plain'],
  ['**a** and *b* and __c__ and _d_', '<strong>a</strong> and <em>b</em> and <strong>c</strong> and <em>d</em>'],
  ['***both***', '<em><strong>both</strong></em>'],
  ['**a *b* c**', '<strong>a <em>b</em> c</strong>'],
  ['*foo**bar*', '<em>foo**bar</em>'],
  ['~~gone~~ ~5 ~6', '<s>gone</s> ~5 ~6'],
  ['snake_case_name and 2 * 3 * 4', 'snake_case_name and 2 * 3 * 4'],
  ['**open', '**open'],
  ['close**', 'close**'],
  ['**“a”**中文', '<strong>“a”</strong>中文'],
  ['`a*b*c`', '<code>a*b*c</code>'],
  ['`` a ` b ``', '<code>a ` b</code>'],
  ['`open', '`open'],
  ['\\*no\\* \\# \\a', '*no* # \\a'],
  ['a &amp; b &lt;i&gt; &#233; &#x41; &unknown;', 'a & b <i> é A &unknown;'],
  ['one\ntwo', 'one<br></br>two'],
  ['a<br>b<br/>c', 'a<br></br>b<br></br>c'],
  ['[x](https://a.b/c "title")', '<a https://a.b/c>x</a>'],
  ['[a **b** c](http://x.y)', '<a http://x.y/>a <strong>b</strong> c</a>'],
  ['[wiki](https://en.wikipedia.org/wiki/A_(b))', '<a https://en.wikipedia.org/wiki/A_(b)>wiki</a>'],
  ['[a](b) [c] [d', 'a [c] [d'],
  ['[a [b](http://c.d) e](http://f.g)', '<a http://f.g/>a b e</a>'],
  ['**[a](http://b.c)**', '<strong><a http://b.c/>a</a></strong>'],
  ['*a [b* c](http://d.e) f*', '<em>a <a http://d.e/>b* c</a> f</em>'],
  ['see https://a.b/c_d_e.', 'see <a https://a.b/c_d_e>https://a.b/c_d_e</a>.'],
  ['(https://a.b/c)', '(<a https://a.b/c>https://a.b/c</a>)'],
  ['**https://a.b/c**', '<strong><a https://a.b/c>https://a.b/c</a></strong>'],
  ['<https://a.b> <me@a.org>', '<a https://a.b/>https://a.b</a> <a mailto:me@a.org>me@a.org</a>'],
]) {
  test(`inside a line: ${JSON.stringify(text)}`, () => assert.equal(line(text), wanted));
}

for (const text of ['<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '<b>x</b>', '<a href="javascript:alert(1)">x</a>', '<!-- c -->']) {
  test(`markup stays text: ${text}`, () => {
    const [node] = nodes(text);
    assert.equal(node.textContent, text);
    assert.equal(node.all.length, 0);
  });
}

for (const address of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'vbscript:x', 'tauri://localhost', 'http:///x', '//a.b', '/path', 'https://a:b@c.d', 'https://a.b/\u0000', 'java\nscript:x', '', 'http://', `https://a.b/${'x'.repeat(3000)}`]) {
  test(`no link goes to ${JSON.stringify(address.slice(0, 30))}`, () => {
    assert.equal(safeAddress(address), null);
    assert.equal(nodes(`[x](${address})`).flatMap((node) => node.tagged('a')).length, 0);
  });
}

test('a link is opened outside, never followed', () => {
  const opened = [];
  const [link] = nodes('[x](https://a.b)', { open: (address) => opened.push(address) })[0].tagged('a');
  let isStopped = false;
  link.listeners.click({ preventDefault() { isStopped = true; } });
  assert.deepEqual([opened, isStopped], [['https://a.b/'], true]);
  link.listeners.keydown({ key: 'Tab', preventDefault() {} });
  link.listeners.keydown({ key: 'Enter', preventDefault() {} });
  assert.equal(opened.length, 2);
  assert.equal(link.attributes.href, undefined);
});

test('a picture from elsewhere is a link, not fetched', () => {
  const [node] = nodes('![cat](https://a.b/c.png)');
  assert.equal(node.tagged('img').length, 0);
  assert.equal(node.markup, '<p><a https://a.b/c.png>cat</a></p>');
});

test('headings stand below those of the page', () => {
  assert.equal(html('# A\n## B ##\n###### F\n#no'), '<h3>A</h3><h4>B</h4><h6>F</h6><p>#no</p>');
});

test('lists: nested, loose, numbered from elsewhere, with tasks', () => {
  assert.equal(html('- a\n- b\n  - c\n- d'), '<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>');
  const ordered = nodes('3. x\n4. y')[0];
  assert.equal(ordered.attributes.start, '3');
  assert.equal(ordered.tagged('li').length, 2);
  const tasks = nodes('- [x] done\n- [ ] open')[0];
  assert.deepEqual(tasks.tagged('span').map((box) => box.attributes['aria-label']), ['Done', 'To do']);
});

test('an item keeps code, tables and paragraphs that are indented below it', () => {
  const [list] = nodes('1. first\n\n   ```js\n   let a;\n   ```\n\n   more\n2. second');
  assert.equal(list.tag, 'ol');
  assert.equal(list.childNodes.length, 2);
  assert.equal(list.tagged('code')[0].textContent, 'let a;');
  assert.equal(list.tagged('p').at(0).textContent, 'first');
});

test('bullets under a numbered item nest although they are indented by too little', () => {
  const [list] = nodes('1. one\n   - a\n   - b\n2. two\n  - c');
  assert.equal(list.tag, 'ol');
  assert.equal(list.childNodes[0].tagged('li').length, 2);
});

test('a list ends where a paragraph begins', () => {
  assert.equal(html('- a\n- b\n\nafter'), '<ul><li>a</li><li>b</li></ul><p>after</p>');
});

test('tables: alignment, bars in cells and in code, missing cells', () => {
  const [frame] = nodes('|a|b|c|\n|:-|:-:|-:|\n|1|x\\|y|`p|q`|\n|only|');
  assert.deepEqual(frame.tagged('th').map((cell) => cell.attributes.class), ['align-left', 'align-center', 'align-right']);
  assert.deepEqual(frame.tagged('td').map((cell) => cell.textContent), ['1', 'x|y', 'p|q', 'only', '', '']);
  assert.equal(frame.attributes['aria-label'], 'Table, 2 rows');
});

test('a bar in a sentence is no table', () => {
  assert.equal(html('a | b\nc | d'), '<p>a | b<br></br>c | d</p>');
});

test('quotes hold blocks and nest', () => {
  assert.equal(html('> a\n> - b\n> > c\n\nd'), '<blockquote><p>a</p><ul><li>b</li></ul><blockquote><p>c</p></blockquote></blockquote><p>d</p>');
});

test('rules are no lists', () => {
  assert.equal(html('---\n***\n* * *'), '<hr></hr><hr></hr><hr></hr>');
});

test('code tells its language and is copied as it is', () => {
  const copied = [];
  const [figure] = nodes('```python title="x"\nif a < b:\n    **no**\n```', { copy: (text) => copied.push(text) });
  assert.equal(figure.tagged('figcaption')[0].childNodes[0].textContent, 'python');
  assert.equal(figure.tagged('code')[0].textContent, 'if a < b:\n    **no**');
  figure.tagged('button')[0].listeners.click();
  assert.deepEqual(copied, ['if a < b:\n    **no**']);
});

test('code that is still being written is code already, and a longer fence holds a shorter one', () => {
  assert.deepEqual(blocks('```js\nlet a'), [{ type: 'code', language: 'js', text: 'let a', isOpen: true }]);
  assert.equal(blocks('````\n```\nx\n```\n````')[0].text, '```\nx\n```');
});

test('citations are numbered chips where there is such a source, else text', () => {
  const sources = [{ url: 'https://www.a.org/x', title: 'First' }, { url: 'javascript:x', title: '' }];
  const [node] = nodes('One [1], two [2], three [3]. Four【1†source】 [^2]', { sources });
  assert.deepEqual(node.all.map((chip) => [chip.tag, chip.textContent]), [['a', '1'], ['span', '2'], ['a', '1'], ['span', '2']]);
  assert.equal(node.tagged('a')[0].attributes['aria-label'], 'Source 1: First');
  assert.match(node.textContent, /three \[3\]/);
});

test('a source without a title is called by its host, and only safe ones can be opened', () => {
  assert.equal(nameOf({ url: 'https://www.a.org/x', title: ' ' }), 'a.org');
  const list = sourceList([{ url: 'https://a.org', title: 'A' }, { url: 'file:///x', title: 'B' }], {});
  assert.deepEqual(list.tagged('a').map((link) => link.textContent), ['1A']);
  assert.equal(list.textContent, '1A2B');
});

test('what is read out has no marks in it, and code is only told of', () => {
  assert.equal(spoken('# T\n\n**a** `b` [c](http://d.e)[1]\n\n```js\nx\n```\n- i\n- j'), 'T\na b c\nCode, js.\ni\nj');
});

test('rows of a table that come after its head are read out without their bars', () => {
  assert.equal(spoken('|---|:-:|\n'), '');
  assert.equal(spoken('| 17 | 20 % |\n'), '17 , 20 %');
});

const SAMPLE = '# Title\n\npara *one*\nmore\n#\n\n- a\n\n  b\n- c\n\n1. x\n2. y\n\n| h | i |\n|---|---|\n| 1 | 2 |\ntext\n> q\nlazy\n\n```js\nlet a = 1;\n\n\tb\n```\r\n\tlast **bold** line\n\n\n---\nend';

test('pieces lie end to end', () => {
  assert.equal(pieces(SAMPLE).map((piece) => piece.source).join(''), SAMPLE);
});

test('a text that grows gives what the whole would give, wherever it is cut', () => {
  for (const step of [1, 2, 3, 7, 40]) {
    let before = '';
    let known = [];
    for (let to = 0; to <= SAMPLE.length; to += step) {
      const text = SAMPLE.slice(0, to);
      known = grown(text, before, known);
      before = text;
      assert.deepEqual(known, pieces(text), JSON.stringify(text));
    }
  }
});

test('while an answer grows, its finished blocks are not drawn again', () => {
  const box = element();
  const answer = new Answer(box);
  answer.draw('one\n\ntwo\n\nthr');
  const [one, two] = box.childNodes;
  assert.equal(answer.draw('one\n\ntwo\n\nthree **x**'), 1);
  assert.equal(box.childNodes[0], one);
  assert.equal(box.childNodes[1], two);
  assert.equal(box.childNodes[2].textContent, 'three x');
  assert.equal(answer.draw('one\n\ntwo\n\nthree **x**'), 0);
});

test('another text replaces the old one, and late sources turn numbers into chips', () => {
  const box = element();
  const answer = new Answer(box);
  answer.draw('first [1]');
  answer.draw('first [1]', [{ url: 'https://a.b', title: 'A' }]);
  assert.equal(box.tagged('a').length, 1);
  answer.draw('other');
  assert.equal(box.textContent, 'other');
});

test('an answer drawn piece by piece looks like one drawn at once', () => {
  const grow = element();
  const answer = new Answer(grow);
  for (let to = 1; to <= SAMPLE.length; to += 5) answer.draw(SAMPLE.slice(0, to));
  answer.draw(SAMPLE);
  const once = element();
  new Answer(once).draw(SAMPLE);
  assert.equal(grow.markup, once.markup);
});

const many = (text, length = 100_000) => text.repeat(Math.ceil(length / text.length)).slice(0, length);
const HOSTILE = {
  stars: many('*'), 'pairs of stars': many('*a '), 'mixed stars': many('*a**b'), 'closing stars': many('a* '), brackets: many('['), 'open links': many('[a]('),
  'nested links': many('[a](http://b.c '), pictures: many('![['), backticks: Array.from({ length: 440 }, (_, n) => '`'.repeat(n)).join(' '), quotes: many('>'), 'quoted lines': many('> a\n'),
  'one line of bullets': many('- '), 'deep lists': Array.from({ length: 440 }, (_, n) => `${' '.repeat(n * 2)}- x`).join('\n'), 'wide tables': `${many('|a', 50_000)}\n${many('|-', 50_000)}`,
  'many rows': `|a|b|\n|-|-|\n${many('|x|y|\n')}`, spaces: `# ${many(' ')}x#`, fence: `\`\`\`${many('a')}\``, underscores: many('_a_b'), addresses: many('https://'), tags: many('<'),
  entities: many('&#'), backslashes: many('\\'), 'empty lines': many('\n'), citations: many('[1]'), numbers: many('1. '), tildes: many('~~a'), 'a long run': many('*', 50_000) + many('a*', 50_000),
  brace: many('【'), control: many('\u0000\u202e'), 'half characters': many('\ud800'), 'bars in code': `${many('|`')}\n|-|\n`, words: many('word ', 100_000),
};

for (const [name, text] of Object.entries(HOSTILE)) {
  test(`100 kB of ${name} are drawn without a fault and without depth`, () => {
    const box = element();
    new Answer(box).draw(text, [{ url: 'https://a.b', title: 'x' }]);
    const depth = (node) => 1 + Math.max(0, ...[...(node.childNodes ?? [])].slice(0, 50).map(depth));
    assert.ok(depth(box) < 400);
    assert.ok(spoken(text).length <= text.length * 2 + 100);
  });
}
